"""Messages a second from PostgreSQL to the receiver and back, beside Postfix on the same machine.

Hatobin's side: recipients stored -> personalised -> RSA-2048 DKIM -> delivered -> outcomes
recorded, by real Celery workers on PostgreSQL with fsync on. See docs/performance.md.
"""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any

import psutil
from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connection
from django.utils import timezone

from config import run as running
from customers.models import RecipientList
from delivery import mailings, pools
from delivery.drafts import Draft
from delivery.models import (
    DkimKind,
    IpSegment,
    Mailing,
    Pool,
    Relay,
    SendingDomain,
    SendingIp,
)
from sandbox.bench import crowds, postfix
from sandbox.bench.processes import Meter, matching
from sandbox.bench.result import Result
from sandbox.bench.sinks import Sink, sink

BY = "bench"
IPS = 4
WARM_UP = 2_000
RATIO_TO_RELAY = 1.5
WORKER_MB = 200.0


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--count", type=int, default=20_000, help="messages")
    parser.add_argument("--size", type=int, default=4096, help="octets of a message's text")
    parser.add_argument("--workers", type=int, default=2, help="Celery processes")
    parser.add_argument("--repeat", type=int, default=1, help="runs; the medians count")
    parser.add_argument("--rival", choices=["postfix", "none"], default="none")


def run(options: Mapping[str, Any]) -> Result:
    """Both sides in turn against one sink."""
    runs: list[dict[str, float]] = []
    with sink() as target:
        platform = Platform(target)
        platform.load(options["count"], options["size"])
        with workers(options["workers"]) as worker:
            platform.send(platform.few, worker)  # warms up: imports, caches, plans
            for _ in range(options["repeat"]):
                figures = platform.send(platform.many, worker)
                if options["rival"] == "postfix":
                    figures |= postfix.measure(target, options["count"], options["size"])
                runs.append(figures)
    names = runs[0].keys()
    return judge({name: round(median(one[name] for one in runs), 3) for name in names}, target)


def judge(figures: dict[str, float], target: Sink) -> Result:
    """The bars of the engine: faster than Postfix's relay, cheaper, bounded memory. Pure."""
    told: dict[str, object] = {"sink": target.name, **figures}
    ok = figures["lost"] == 0 and figures["worker_peak_mb"] <= WORKER_MB
    if "postfix_relay_per_second" in figures:
        relay = figures["per_second"] / figures["postfix_relay_per_second"]
        drain = figures["per_second"] / figures["postfix_drain_per_second"]
        told |= {"ratio_to_relay": round(relay, 2), "ratio_to_drain": round(drain, 2)}
        cheaper = figures["cpu_per_1000"] < figures["postfix_relay_cpu_per_1000"]
        ok = ok and relay >= RATIO_TO_RELAY and cheaper
    return Result(told, ok, [f"{name:34} {value}" for name, value in told.items()])


class Platform:
    """A pool whose relay is the sink, one customer, one list."""

    def __init__(self, target: Sink) -> None:
        now = timezone.now()
        domain = SendingDomain.objects.create(
            name="mail.bench.example", helo="mx.bench.example",
            envelope_domain="bounce.bench.example",
        )  # fmt: skip
        pools.add_dkim_key(domain=domain, selector="h1", kind=DkimKind.RSA, by=BY, now=now)
        relay = Relay.objects.create(name="sink", host=target.host, port=target.port, tls="none")
        pool = Pool.objects.create(name="Bench", domain=domain, relay=relay)
        segment = IpSegment.objects.create(name="bench", network="127.0.10.0/24")
        for number in range(1, IPS + 1):
            SendingIp.objects.create(address=f"127.0.10.{number}", segment=segment, pool=pool)
        self.customer = crowds.customer("Bench", pool)

    def load(self, count: int, size: int) -> None:
        """`count` contacts, and a text of about `size` octets with two merge fields."""
        self.few = crowds.crowd(self.customer, WARM_UP, name="to warm up")
        self.many = crowds.crowd(self.customer, count, name="to measure")
        line = "Thank you for reading this line of plain words to the end.\n"
        text = "Dear {{ name }} in {{ place }},\n" + line * max(1, size // len(line))
        self.draft = Draft(
            subject="News for {{ name }}", from_address="news@bench.example", text=text
        )

    def send(self, people: RecipientList, worker: psutil.Process) -> dict[str, float]:
        """One mailing from stored recipients to recorded outcomes."""
        count = people.contacts.count()
        mine = str(settings.VAR_DIR)
        servers = matching(lambda line: mine in line and ("postgres" in line or "valkey" in line))
        with Meter(lambda: [worker, *servers]) as all_of_us, Meter(lambda: [worker]) as workers_:
            began = time.perf_counter()
            mailing = mailings.create(
                customer=self.customer, draft=self.draft, lists=[people], by=BY, now=timezone.now()
            )
            wait_until_done(mailing.pk)
            seconds = time.perf_counter() - began
        accepted = accepted_of(mailing.pk)
        return {
            "count": count,
            "seconds": seconds,
            "per_second": count / seconds,
            "cpu_per_1000": all_of_us.cpu / count * 1000,
            "worker_cpu_per_1000": workers_.cpu / count * 1000,
            "worker_peak_mb": workers_.peak_mb,
            "lost": count - accepted,
        }


def wait_until_done(mailing_id: int, *, seconds: float = 540) -> None:
    """Until no delivery is open: a look each 50 ms at the index of open ones."""
    deadline = time.monotonic() + seconds
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT released_at IS NOT NULL AND NOT EXISTS ("
                " SELECT 1 FROM delivery_delivery d WHERE d.mailing_id = m.id"
                " AND d.id BETWEEN m.first_delivery AND m.last_delivery"
                " AND d.state = ANY(ARRAY['queued', 'sending', 'deferred']))"
                " FROM delivery_mailing m WHERE m.id = %s",
                [mailing_id],
            )
            if cursor.fetchone()[0]:
                return
            time.sleep(0.05)


def accepted_of(mailing_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM delivery_delivery WHERE mailing_id = %s AND state = 'accepted'",
            [mailing_id],
        )
        accepted: int = cursor.fetchone()[0]
    Mailing.objects.filter(pk=mailing_id).update(state="done", finished_at=timezone.now())
    return accepted


@contextmanager
def fleet(count: int) -> Iterator[None]:
    """The programs that a mailing needs, apart as in production; `count` processes that send."""
    own = running.own_processes()
    sender = running.celery_worker("sender", queues="dispatch", processes=count)
    started = [
        subprocess.Popen(command, cwd=settings.BASE_DIR)
        for command in (own["worker"], own["loader"], sender, own["beat"])
    ]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


@contextmanager
def workers(count: int) -> Iterator[psutil.Process]:
    """One worker program with `count` processes for both queues, and beat inside."""
    command = running.celery_worker("bench", queues="dispatch,default,long", processes=count)
    process = subprocess.Popen(
        [*command, "--beat", "--schedule", str(settings.VAR_DIR / "bench-beat")],
        env=os.environ | {"WORKERS": str(count)},
        cwd=settings.BASE_DIR,
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()
