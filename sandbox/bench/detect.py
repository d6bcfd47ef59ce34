"""From the first refusing reply to a listing on record, while mail flows; and by the sweep alone.

Each address is listed in turn while all of them carry mail: the receivers refuse it from that
moment, naming the list. Then others are listed on a list that no receiver uses.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from statistics import quantiles
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone

from blacklist import catalogue_settings
from blacklist.catalogue_reading import shipped
from blacklist.models import Listing, ListSetting, ListSweep
from delivery import mailings, pools
from delivery.drafts import Draft
from delivery.models import (
    Attempt,
    Destination,
    DkimKind,
    IpSegment,
    Pool,
    SendingDomain,
    SendingIp,
)
from sandbox.bench import crowds, detect_box
from sandbox.bench.delivery import BY, workers
from sandbox.bench.detect_box import DNS_HOST, NAMED, QUIET, Box, box
from sandbox.bench.result import Result

CADENCE = 60.0  # of the list that nobody refuses by: the shortest there is
LIMIT = 5.0  # from the first refusal, or after the cadence
MARGIN = 0.9  # of the wanted rate
SPARE = 8  # addresses that stay clean, and can carry all mail when the others are refused
QUIET_ADDRESSES = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """Seconds until each listing was on record: from the refusal, from the entry in the list."""

    after_refusal: tuple[float, ...]
    after_entry: tuple[float, ...]
    per_second: float


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--runs", type=int, default=20, help="addresses listed while mail flows")
    parser.add_argument("--rate", type=int, default=500, help="messages a second")
    parser.add_argument("--workers", type=int, default=2, help="Celery processes")


def run(options: Mapping[str, Any]) -> Result:
    """One platform, one watch, one address after the other."""
    with box() as receivers:
        surroundings(receivers)
        stage = Stage(receivers, runs=options["runs"], rate=options["rate"])
        with watch(), workers(options["workers"]):
            wait_for(swept, seconds=60)
            seen = stage.measure()
    return judge(seen, rate=options["rate"])


def judge(seen: Seen, *, rate: float) -> Result:
    """The bars: p99 within the limit at the wanted rate, the sweep within its cadence. Pure."""
    after = sorted(seen.after_refusal)
    p99 = quantiles(after, n=100, method="inclusive")[98] if len(after) > 1 else after[0]
    slowest = max(seen.after_entry)
    figures = {
        "runs": len(after),
        "messages_per_second": round(seen.per_second, 1),
        "refusal_to_listed_p50_seconds": round(after[len(after) // 2], 3),
        "refusal_to_listed_p99_seconds": round(p99, 3),
        "refusal_to_listed_max_seconds": round(after[-1], 3),
        "entry_to_listed_without_mail_max_seconds": round(slowest, 1),
        "cadence_seconds": CADENCE,
    }
    ok = p99 <= LIMIT and slowest <= CADENCE + LIMIT and seen.per_second >= MARGIN * rate
    return Result(figures, ok, [f"{name:42} {value}" for name, value in figures.items()])


class Stage:
    """A pool without limits but for the rate, one customer, one long mailing."""

    def __init__(self, receivers: Box, *, runs: int, rate: float) -> None:
        self._receivers = receivers
        now = timezone.now()
        domain = SendingDomain.objects.create(
            name="mail.bench.example", helo="mx.bench.example",
            envelope_domain="bounce.bench.example",
        )  # fmt: skip
        pools.add_dkim_key(domain=domain, selector="h1", kind=DkimKind.RSA, by=BY, now=now)
        self._pool = Pool.objects.create(name="Bench", domain=domain, tls="none")
        self._busy = self._addresses("127.0.10.", runs + SPARE, pool=self._pool)
        self._idle = self._addresses("127.0.11.", QUIET_ADDRESSES, pool=None)
        Destination.objects.create(
            slug="bench", name="Bench", domains=[detect_box.DOMAIN],
            messages_per_second=rate / SPARE, messages_per_connection=1000,
        )  # fmt: skip
        self._rate, self._runs = rate, runs
        ask_only_these(now)

    def measure(self) -> Seen:
        self._send()
        wait_for(lambda: attempts() > self._rate * 4, seconds=120)
        began, before = time.monotonic(), attempts()
        after_refusal = [self._list(address) for address in self._busy[: self._runs]]
        per_second = (attempts() - before) / (time.monotonic() - began)
        after_entry = self._list_quietly()
        return Seen(tuple(after_refusal), tuple(after_entry), per_second)

    def _addresses(self, prefix: str, count: int, *, pool: Pool | None) -> list[str]:
        segment = IpSegment.objects.create(name=prefix, network=f"{prefix}0/24")
        addresses = [f"{prefix}{number}" for number in range(1, count + 1)]
        SendingIp.objects.bulk_create(
            SendingIp(address=address, segment=segment, pool=pool) for address in addresses
        )
        return addresses

    def _send(self) -> None:
        """Enough for all runs."""
        customer = crowds.customer("Bench", self._pool)
        crowd = int(self._rate * (20 + 4 * self._runs))
        people = crowds.crowd(customer, crowd, domain=detect_box.DOMAIN)
        draft = Draft(subject="News", from_address="news@bench.example", text="Dear {{ name }},\n")
        mailings.create(customer=customer, draft=draft, lists=[people], by=BY, now=timezone.now())

    def _list(self, address: str) -> float:
        """Seconds from the first refusing reply."""
        self._receivers.enter(NAMED, address)
        wait_for(lambda: is_listed(NAMED, address), seconds=60)
        at = timezone.now()
        wait_for(lambda: first_refusal(address) is not None, seconds=10)
        first = first_refusal(address)
        return (at - first).total_seconds() if first else 0.0

    def _list_quietly(self) -> Iterator[float]:
        began = time.monotonic()
        for address in self._idle:
            self._receivers.enter(QUIET, address)
        for address in self._idle:
            wait_for(partial(is_listed, QUIET, address), seconds=CADENCE * 3)
            yield time.monotonic() - began


def surroundings(receivers: Box) -> None:
    """What the workers and the watch find in their environment."""
    os.environ["DNS_SERVERS"] = f"{DNS_HOST}:{receivers.dns_port}"
    os.environ["SMTP_PORT"] = str(receivers.smtp_port)


@contextmanager
def watch() -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "watch"], cwd=settings.BASE_DIR, stdout=sys.stderr
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def ask_only_these(now: datetime) -> None:
    """The box has two lists; to ask others would measure time-outs."""
    others = [entry.ident for entry in shipped().lists.values() if entry.default]
    ListSetting.objects.bulk_create(
        ListSetting(ident=ident, enabled=ident == NAMED) for ident in {*others, NAMED}
    )
    definition = {
        "name": "Bench", "zone": QUIET, "operator": "Bench", "kinds": ["ip4"],
        "impact": "critical", "codes": {"127.0.0.2-3": "listed"}, "test_listed": "127.0.0.2",
        "min_interval_s": int(CADENCE), "delisting": "none", "confidence": "primary",
    }  # fmt: skip
    catalogue_settings.add_own(definition=definition, by=BY, now=now)
    catalogue_settings.tune(ident=QUIET, cadence=int(CADENCE), by=BY, now=now)


def swept() -> bool:
    return ListSweep.objects.filter(swept_until__isnull=False).count() == 2


def attempts() -> int:
    return Attempt.objects.count()


def is_listed(zone: str, address: str) -> bool:
    return Listing.objects.filter(resource=address, blocklist=zone, state="listed").exists()


def first_refusal(address: str) -> datetime | None:
    """When the first reply came that named the list."""
    found = Attempt.objects.filter(source=address, matched_list=NAMED).order_by("at")[:100]
    return min((row.at + timedelta(seconds=row.seconds) for row in found), default=None)


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    """Look every 20 ms; TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("The watch, or the mail, took too long: see its messages above.")
        time.sleep(0.02)
