"""The blocklist watch at work: hears replies, asks lists, writes down what follows.

One event loop for all: it holds what the lists have proved, the sockets and the windows of replies.
The database is asked from one thread beside it. What it knows it can read again: a new process
goes on where the last one was.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from django.utils import timezone

from blacklist import sweep_store, watch_results
from blacklist.evidence import Key
from blacklist.known_lists import Known
from blacklist.resources import Resource
from blacklist.sweep import Rota
from blacklist.sweep_store import Progress
from blacklist.watch_memory import Memory, Surroundings
from blacklist.watch_results import Answered
from wire.dnsbl import Result, Rule, Target, Watch

T = TypeVar("T")

# Resources and lists are read again so often; a new address is watched from then on.
FRESH: Final = timedelta(seconds=30)
# The sweep looks for due moments so often.
SWEEP_EVERY: Final = timedelta(seconds=2)
# A list that told nothing is tried again after so long.
SILENT_PAUSE: Final = timedelta(seconds=30)


class Database(Protocol):
    """Runs one call in the thread that owns the connection."""

    def __call__(self, call: Callable[[], T], /) -> "asyncio.Future[T]": ...


class Watcher:
    """`turn` after `turn`, until it is closed. `dns` is open; `database` runs what asks it."""

    def __init__(
        self,
        dns: Watch,
        memory: Memory,
        database: Database,
        *,
        clock: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._dns, self._memory, self._database, self._clock = dns, memory, database, clock
        self._around: Surroundings | None = None
        self._fresh_until = self._swept_at = datetime.fromtimestamp(0, tz=clock().tzinfo)
        self._rotas: dict[str, Rota] = {}
        self._sweeping: set[str] = set()
        self._paused: dict[str, datetime] = {}
        self._checking: set[Key] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._news: list[Answered] = []

    async def turn(self) -> None:
        """Hear what is new, and begin what is due; answers are written as they come.

        An error of what was begun earlier is raised here.
        """
        self._raise_errors()
        now = self._clock()
        around = await self._surroundings(now)
        progress = self._memory.unwritten()  # first: it must not be ahead of the news
        await self._write_news()
        due = await self._database(lambda: self._memory.hear(around, now=now))
        self._check(around, due)
        if now - self._swept_at >= SWEEP_EVERY:
            self._swept_at = now
            self._sweep(around, now)
        if progress:
            asked = self._dns.asked
            await self._database(lambda: sweep_store.write(progress, asked=asked, now=now))

    async def settle(self) -> None:
        """Until all that was begun has been answered and written."""
        while self._tasks:
            await asyncio.wait(self._tasks)
            self._raise_errors()
        await self._write_news()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _surroundings(self, now: datetime) -> Surroundings:
        if self._around is None or now >= self._fresh_until:
            around = await self._database(lambda: self._memory.surroundings(now=now))
            self._rotas = _rotas(around, self._around, self._rotas)
            self._around, self._fresh_until = around, now + FRESH
        return self._around

    def _check(self, around: Surroundings, due: Iterable[Key]) -> None:
        """Ask about these out of turn, each list by itself."""
        by_list: dict[str, list[Resource]] = defaultdict(list)
        for key in due:
            resource = around.resources.get(key.resource)
            if resource is not None and key not in self._checking:
                self._checking.add(key)
                by_list[key.blocklist].append(resource)
        for name, resources in by_list.items():
            self._begin(self._check_list(around.lists.lists[name], resources))

    async def _check_list(self, known: Known, resources: list[Resource]) -> None:
        rule = known.rule
        try:
            if rule is None:
                return
            results = await asyncio.gather(
                *(self._dns.check(rule, one.target, fresh=True) for one in resources)
            )
            answers = [
                Answered(known, one, result) for one, result in zip(resources, results, strict=True)
            ]
            self._take_note(answers)
            await self._write_news()
        finally:
            self._checking -= {Key(one.text, known.name) for one in resources}

    def _sweep(self, around: Surroundings, now: datetime) -> None:
        for known in around.lists.asked():
            paused = self._paused.get(known.name, now) > now
            if known.name in self._sweeping or paused:
                continue
            progress = self._memory.progress.get(known.name, Progress())
            due = self._rotas[known.name].due(since=progress.swept_until, until=now)
            if due:
                self._sweeping.add(known.name)
                self._begin(self._sweep_list(known, due, now))

    async def _sweep_list(self, known: Known, due: list[Resource], until: datetime) -> None:
        rule, answers = known.rule, []
        by_target = {one.target: one for one in due}

        def seen(_rule: Rule, target: Target, result: Result) -> None:
            answers.append(Answered(known, by_target[target], result))
            self._take_note(answers[-1:])

        try:
            if rule is not None:
                await self._dns.sweep([(rule, list(by_target))], seen)
                self._go_on(known, answers, until)
        finally:
            self._sweeping.discard(known.name)

    def _go_on(self, known: Known, answers: list[Answered], until: datetime) -> None:
        now = self._clock()
        is_silent = watch_results.is_silent(answers) and watch_results.is_out_of_use(
            known, self._dns.health
        )
        if is_silent:
            self._paused[known.name] = now + SILENT_PAUSE
        self._memory.go_on(known, answers, is_silent=is_silent, until=until, now=now)

    def _take_note(self, answers: list[Answered]) -> None:
        """Keep what is news for the next turn: a long sweep must not hold it back."""
        self._news += watch_results.worth_writing(answers, self._memory.open_keys)

    async def _write_news(self) -> None:
        news, self._news = self._news, []
        if news:
            now = self._clock()
            await self._database(lambda: self._memory.take_in(news, now=now))

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

    def _raise_errors(self) -> None:
        done = {task for task in self._tasks if task.done()}
        self._tasks -= done
        for task in done:
            task.result()


def _rotas(
    around: Surroundings, before: Surroundings | None, rotas: Mapping[str, Rota]
) -> dict[str, Rota]:
    """New ones only where something changed: with many addresses they take a while to make."""
    same = before is not None and before.resources.keys() == around.resources.keys()
    kept: dict[str, Rota] = {}
    for known in around.lists.asked():
        old = before.lists.lists.get(known.name) if before is not None and same else None
        unchanged = old is not None and (old.cadence, old.rule) == (known.cadence, known.rule)
        rota = rotas.get(known.name) if unchanged else None
        kept[known.name] = rota or Rota(known, around.resources.values())
    return kept
