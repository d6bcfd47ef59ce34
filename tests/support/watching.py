"""The blocklist watch for tests: a few turns against the box's nameserver, in a loop of its own."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.utils import timezone

from blacklist.catalogue_reading import shipped
from blacklist.models import ListSetting
from blacklist.watch import Watcher
from blacklist.watch_memory import Memory
from wire.dnsbl import Notice, Policy, Watch

Between = Callable[[int], None]


class Clock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at or timezone.now()

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **times: float) -> None:
        self.at += timedelta(**times)


def ask_only(*idents: str) -> None:
    """Switch off all lists but these."""
    for ident, entry in shipped().lists.items():
        if entry.default or ident in idents:
            ListSetting.objects.update_or_create(ident=ident, defaults={"enabled": ident in idents})


def keep_watch(
    resolver: tuple[str, int],
    *,
    turns: int = 1,
    clock: Clock | None = None,
    step: Mapping[str, float] | None = None,
    between: Between | None = None,
    timeout: float = 0.2,
) -> list[Notice]:
    """So many turns, each until all that it began is written; the clock steps after each.

    `between` is called after each turn with its number, from the thread of the database. What
    operators would have been told.
    """
    clock = clock or Clock()

    async def run() -> list[Notice]:
        notices: list[Notice] = []
        with ThreadPoolExecutor(1) as thread:
            loop = asyncio.get_running_loop()

            def database(call: Callable[[], Any], /) -> "asyncio.Future[Any]":
                return loop.run_in_executor(thread, call)

            policy = Policy(timeout=timeout, longest_ttl=0)
            try:
                async with Watch([resolver], tell=notices.append, policy=policy) as dns:
                    watcher = Watcher(dns, await database(Memory), database, clock=clock)
                    for number in range(turns):
                        await watcher.turn()
                        await watcher.settle()
                        if between is not None:
                            await database(partial(between, number))
                        clock.forward(**(step or {"seconds": 4}))
            finally:
                await database(lambda: connection.close())  # noqa: PLW0108  that thread's own
        return notices

    return asyncio.run(run())
