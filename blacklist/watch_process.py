"""The watch as a process: one at a time, until it is told to stop; others stand by."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from django.conf import settings
from django.db import connection
from django.utils import timezone

from blacklist import doorbell, sweep_store
from blacklist.catalogue_resolvers import resolvers
from blacklist.watch import Watcher
from blacklist.watch_memory import Memory
from delivery.recorder import AWAY
from wire.dnsbl import Notice, Policy, Watch, public_operator
from wire.dnsbl_resolvers import require_loopback

log = logging.getLogger(__name__)
T = TypeVar("T")

# One advisory lock for all machines: two watches would ask every list twice.
LOCK: Final = 0x48415457
# Also without the bell, new replies are looked for so often.
TURN_SECONDS: Final = 1.0
# After a turn for a bell: of a flood of replies one look takes many.
BREATH_SECONDS: Final = 0.2
# Who stands by, or has lost the database, tries again after so long.
STAND_BY_SECONDS: Final = 2.0
# How long the end waits for Valkey's answer to our farewell.
LAST_SECONDS: Final = 1.0
# The sweep has its own moments: what the lists let us remember must not stand in for them.
REMEMBERED_SECONDS: Final = 30.0


async def run(*, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Watch until `stop` is set; `ready` is called when this process is the one that watches.

    While PostgreSQL is away, or another process watches, it waits. ValueError when a resolver may
    not be asked.
    """
    require_resolvers()
    bell = asyncio.Event()
    ringing = asyncio.create_task(doorbell.listen(bell))
    with ThreadPoolExecutor(1, thread_name_prefix="database") as thread:
        desk = Desk(thread)
        try:
            while not stop.is_set():
                await _watch_while_possible(desk, bell, stop, ready)
                await _pause(stop)
        finally:
            ringing.cancel()
            await asyncio.wait([ringing], timeout=LAST_SECONDS)
            await desk(leave_place)


class Desk:
    """The thread that owns the connection to the database, and with it the watch's place."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread

    def __call__(self, call: Callable[[], T], /) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, call)


def take_place() -> bool:
    """Become the one that watches, as long as this connection lasts; False: there is another."""
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def leave_place() -> None:
    """A pooled connection would keep the lock for ever."""
    with suppress(*AWAY):
        if connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")
    connection.close()


def require_resolvers() -> None:
    """ValueError when one of them may not be asked; a warning when lists will not answer it."""
    if settings.LOOPBACK_ONLY:
        require_loopback(resolvers())
    for address, _port in resolvers():
        if (operator := public_operator(address)) is not None:
            log.warning(
                "DNS_SERVERS: many blocklists refuse %s, a resolver that %s runs for everybody; "
                "set one of your own.", address, operator,
            )  # fmt: skip


def tell(notice: Notice) -> None:
    """Into the log, for operators."""
    what = f"list {notice.list} through {notice.resolver}" if notice.list else notice.resolver
    if notice.trouble is None:
        log.info("Blocklist watch: %s is in use again.", what)
    else:
        log.warning("Blocklist watch: %s is not in use (%s).", what, notice.why)


async def _watch_while_possible(
    desk: Desk, bell: asyncio.Event, stop: asyncio.Event, ready: Callable[[], None]
) -> None:
    """Until told to stop, or something breaks: then it may begin anew."""
    try:
        if await desk(take_place):
            ready()
            await _watch(desk, bell, stop)
    except AWAY as error:
        log.warning("PostgreSQL cannot be reached, trying again: %s", error)
    except Exception:
        log.exception("The watch broke off; it begins anew.")
        await desk(leave_place)


async def _watch(desk: Desk, bell: asyncio.Event, stop: asyncio.Event) -> None:
    spent = await desk(lambda: sweep_store.asked_today(timezone.now()))
    memory = await desk(Memory)
    dns_watch = Watch(
        resolvers(), tell=tell, policy=Policy(longest_ttl=REMEMBERED_SECONDS), spent=spent,
        loopback_only=settings.LOOPBACK_ONLY,
    )  # fmt: skip
    async with dns_watch:
        watcher = Watcher(dns_watch, memory, desk)
        try:
            while not stop.is_set():
                await watcher.turn()
                await doorbell.wait(bell, seconds=TURN_SECONDS)
                await asyncio.sleep(0 if stop.is_set() else BREATH_SECONDS)
        finally:
            await watcher.close()


async def _pause(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), STAND_BY_SECONDS)
