"""Whether one customer's bulk mailing holds up another's mail: measured at the receiver.

First single transactional messages beside a large mailing, from commit to acceptance: while it is
released, and while it goes out. Then two bulk mailings of customers with weights 1 and 3.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from customers.models import Customer, RecipientList
from delivery import mailings
from delivery.drafts import Draft, Given
from delivery.models import Mailing
from sandbox.bench import crowds, diary
from sandbox.bench.delivery import BY, Platform, fleet
from sandbox.bench.diary import Diary, Taken
from sandbox.bench.result import Result

LONGEST_WAIT = 2.0  # seconds, of 99 of 100 messages
WEIGHTS = (10, 30)
SHARE_TOLERANCE = 0.10
SINGLES = 40
EVERY = 1.0  # seconds between two of them
SHARED_SECONDS = 10.0
TEXT = "Hello {{ name }}, this is a line to read.\n" * 20


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--count", type=int, default=200_000, help="recipients of the mailing")
    parser.add_argument("--workers", type=int, default=2, help="Celery processes")


def run(options: Mapping[str, Any]) -> Result:
    """Both parts on one platform."""
    with tempfile.TemporaryDirectory(prefix="hatobin-diary-") as directory:
        path = Path(directory) / "diary"
        with diary.sink(path) as (target, book), fleet(options["workers"]):
            stage = Stage(Platform(target), book)
            waits, went = stage.singles(options["count"])
            counts = stage.weights(options["count"] // 2)
    return judge(waits, went, counts)


def judge(waits: Sequence[float | None], went: int, counts: Mapping[str, int]) -> Result:
    """`waits` in seconds, None for a message that did not arrive; `went`: bulk meanwhile. Pure."""
    known = sorted(wait for wait in waits if wait is not None)
    light, heavy = counts["light"], counts["heavy"]
    wanted = WEIGHTS[1] / sum(WEIGHTS)
    share = heavy / max(1, light + heavy)
    figures: dict[str, object] = {
        "singles": len(waits),
        "lost": len(waits) - len(known),
        "wait_p50_seconds": _percentile(known, 50),
        "wait_p99_seconds": _percentile(known, 99),
        "wait_max_seconds": _percentile(known, 100),
        "bulk_meanwhile": went,
        "light_messages": light,
        "heavy_messages": heavy,
        "heavy_share": round(share, 3),
        "heavy_share_wanted": wanted,
    }
    in_time = len(known) == len(waits) > 0 and _percentile(known, 99) < LONGEST_WAIT
    shared = light > 0 and abs(share / wanted - 1) <= SHARE_TOLERANCE
    ok = in_time and shared and went > 0
    return Result(figures, ok, [f"{name:24} {value}" for name, value in figures.items()])


def _percentile(ordered: Sequence[float], part: int) -> float:
    """Nearest rank; 0.0 of nothing."""
    if not ordered:
        return 0.0
    return round(ordered[max(0, -(-len(ordered) * part // 100) - 1)], 3)


class Stage:
    """Customers of one pool: a large one, one with single messages, two of different weight."""

    def __init__(self, platform: Platform, book: Diary) -> None:
        self._book = book
        self._pool = platform.customer.assignment.pool
        self._small = crowds.customer("Small", self._pool)

    def singles(self, count: int) -> tuple[list[float | None], int]:
        """Waits of single messages behind a mailing of `count`, and how many of it went."""
        big = crowds.customer("Big", self._pool)
        people = crowds.crowd(big, count)
        self._until_workers_are_ready()
        mailing = self._send(big, people)
        began = time.time()
        committed: dict[str, float] = {}
        for number in range(SINGLES):
            address = f"single-{number}@s.example"
            self._single(address)
            committed[address] = time.time()
            time.sleep(max(0.0, began + (number + 1) * EVERY - time.time()))
        time.sleep(LONGEST_WAIT)
        arrived = {one.recipient: one.at for one in self._book.messages(since=began)}
        went = sum(1 for recipient in arrived if recipient.startswith("big-"))
        mailings.cancel(mailing_id=mailing.pk, by=BY, now=timezone.now())
        waits = [
            arrived[address] - at if address in arrived else None
            for address, at in committed.items()
        ]
        return waits, went

    def weights(self, count: int) -> Counter[str]:
        """Messages of each of two customers while both had mail waiting."""
        owners = [
            crowds.customer(name, self._pool, weight=weight)
            for name, weight in zip(("Light", "Heavy"), WEIGHTS, strict=True)
        ]
        crowd_of = {owner.pk: crowds.crowd(owner, count) for owner in owners}
        made = [self._send(owner, crowd_of[owner.pk]) for owner in owners]
        for prefix in ("light-", "heavy-"):
            self._until_under_way(prefix)
        began = time.time()
        time.sleep(SHARED_SECONDS)
        both = [one for one in self._book.messages(since=began) if one.at < began + SHARED_SECONDS]
        for mailing in made:
            mailings.cancel(mailing_id=mailing.pk, by=BY, now=timezone.now())
        return Counter(_owner_of(one) for one in both)

    def _send(self, owner: Customer, people: RecipientList) -> Mailing:
        draft = Draft(subject="News", from_address="news@bench.example", text=TEXT)
        now = timezone.now()
        return mailings.create(customer=owner, draft=draft, lists=[people], by=BY, now=now)

    def _single(self, address: str) -> None:
        draft = Draft(
            subject="Your order",
            from_address="shop@bench.example",
            text="Thank you.",
            kind="transactional",
        )
        mailings.create(
            customer=self._small, draft=draft, given=[Given(address)], by=BY, now=timezone.now()
        )

    def _until_workers_are_ready(self) -> None:
        self._single("first@s.example")
        ends = time.time() + 60
        while time.time() < ends and not self._book.messages(since=0.0):
            time.sleep(0.2)

    def _until_under_way(self, prefix: str) -> None:
        ends = time.time() + 60
        while time.time() < ends:
            recent = self._book.messages(since=time.time() - 1)
            if sum(1 for one in recent if one.recipient.startswith(prefix)) > 100:
                return
            time.sleep(0.2)


def _owner_of(message: Taken) -> str:
    return message.recipient.partition("-")[0]
