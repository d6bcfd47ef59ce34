"""Whether limits hold, however many workers share them: counted at the receiver.

Bulk and transactional mail at once, so that two tasks use the same limits; first messages per
second and connections, then recipients per hour, then after Valkey was emptied.
"""

import tempfile
import time
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from delivery import limits, live, mailings
from delivery.drafts import Draft
from delivery.models import Destination, Mailing, SendingIp
from sandbox.bench import crowds, diary
from sandbox.bench.delivery import BY, Platform, workers
from sandbox.bench.diary import Diary, Opened, Taken
from sandbox.bench.result import Result

PER_SECOND = 50.0
CONNECTIONS = 3
PER_HOUR = 72_000  # 20 a second
SECONDS = 14.0
# After a change, before counting begins: a Valkey that is new lends no connection for a second, and
# the lanes that ended go on with the next sweep.
SETTLE = 3.0
TOLERANCE = 0.02
# A bucket holds a quarter of a second: what may come on top within one second.
BURST = 0.25
CROWD = 20_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What arrived in one phase."""

    workers: int
    phase: str
    limit: float  # messages per second
    rate: float
    most_in_a_second: int
    most_connections: int

    @property
    def holds(self) -> bool:
        """Within the tolerance in the long run, no more than a burst beyond in a second."""
        most = self.limit * (1 + BURST) * (1 + TOLERANCE) + 1
        return (
            abs(self.rate - self.limit) <= TOLERANCE * self.limit
            and self.most_in_a_second <= most
            and self.most_connections <= CONNECTIONS
        )


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--workers", type=numbers, default=[1, 2, 4], help="such as 1,2,4")


def numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no list of numbers such as 1,2,4") from None


def run(options: Mapping[str, Any]) -> Result:
    """One platform, one sink, each number of workers in turn."""
    seen: list[Seen] = []
    with tempfile.TemporaryDirectory(prefix="hatobin-diary-") as directory:
        path = Path(directory) / "diary"
        with diary.sink(path) as (target, book):
            stage = Stage(Platform(target), book)
            for count in options["workers"]:
                seen += stage.measure(count)
    return judge(seen)


def judge(seen: Sequence[Seen]) -> Result:
    """All phases have to hold. Pure."""
    figures: dict[str, object] = {}
    for one in seen:
        name = f"workers_{one.workers}_{one.phase}"
        figures |= {
            f"{name}_limit": one.limit,
            f"{name}_per_second": round(one.rate, 2),
            f"{name}_most_in_a_second": one.most_in_a_second,
            f"{name}_most_connections": one.most_connections,
        }
    lines = [
        f"{one.workers} workers, {one.phase:12} {one.rate:7.2f}/s of {one.limit:g},"
        f" at most {one.most_in_a_second} in a second, {one.most_connections} connections"
        f" of {CONNECTIONS}{'' if one.holds else '   TOO FAR OFF'}"
        for one in seen
    ]
    return Result(figures, bool(seen) and all(one.holds for one in seen), lines)


class Stage:
    """One IP, one destination group, two customers' mail."""

    def __init__(self, platform: Platform, book: Diary) -> None:
        SendingIp.objects.exclude(pk=SendingIp.objects.order_by("id")[0].pk).update(state="resting")
        pool = platform.customer.assignment.pool
        self._book = book
        self._group = Destination.objects.create(
            slug="bench", name="Bench", domains=["r.example"], max_connections=CONNECTIONS
        )
        owner = crowds.customer("Limited", pool)
        people = crowds.crowd(owner, CROWD)
        draft = Draft(subject="News", from_address="news@bench.example", text="Hello {{ name }}")
        now = timezone.now()
        for kind in ("bulk", "transactional"):
            made = mailings.create(
                customer=owner,
                draft=Draft(draft.subject, draft.from_address, draft.text, kind=kind),
                lists=[people],
                by=BY,
                now=now,
            )
            mailings.release(mailing_id=made.pk, now=now)
        assert Mailing.objects.filter(state="sending").count() == 2

    def measure(self, count: int) -> list[Seen]:
        """With so many worker processes."""
        self._limit(messages_per_second=PER_SECOND, recipients_per_hour=None)
        with workers(count):
            self._until_something_comes()
            seen = [self._phase(count, "per_second", PER_SECOND)]
            live.connection().flushdb()
            live.announce()
            seen.append(self._phase(count, "valkey_lost", PER_SECOND))
            self._limit(messages_per_second=None, recipients_per_hour=PER_HOUR)
            seen.append(self._phase(count, "per_hour", PER_HOUR / 3600))
        return seen

    def _limit(self, **to: float | None) -> None:
        now = timezone.now()
        limits.change(destination=self._group, to=to, why="bench", by=BY, now=now)

    def _until_something_comes(self) -> None:
        since = time.time()
        while not self._book.messages(since=since) and time.time() < since + 30:
            time.sleep(0.2)

    def _phase(self, count: int, name: str, limit: float) -> Seen:
        changed = time.time()
        time.sleep(SETTLE + SECONDS + 0.5)
        since = changed + SETTLE
        messages = [one for one in self._book.messages(since=since) if one.at < since + SECONDS]
        return Seen(
            workers=count,
            phase=name,
            limit=limit,
            rate=len(messages) / SECONDS,
            most_in_a_second=most_in_a_second(messages),
            most_connections=most_open(self._book.connections(since=changed)),
        )


def most_in_a_second(messages: Sequence[Taken]) -> int:
    """The largest number within any second, wherever it begins. Pure."""
    most = first = 0
    for last, message in enumerate(messages):
        while message.at - messages[first].at >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def most_open(opened: Sequence[Opened]) -> int:
    """The largest number of connections of one IP at once. Pure."""
    return max((one.count for one in opened), default=0)
