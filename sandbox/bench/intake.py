"""Bounces a second: from the sender's first octet to a matched row and a moved delivery.

The real listener, a real worker with beat, PostgreSQL with fsync on. Each report is about another
delivery, which had been accepted, and is signed as ours are.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone

from delivery import composition, mailings
from delivery.drafts import Draft
from delivery.models import (
    Attempt,
    Delivery,
    IpSegment,
    Pool,
    Report,
    SendingDomain,
    SendingIp,
)
from sandbox import late_bounces
from sandbox.bench import crowds
from sandbox.bench.delivery import workers
from sandbox.bench.processes import Meter, matching
from sandbox.bench.result import Result
from sandbox.bench.sinks import free_port, wait_for

BY = "bench"
HOST = "127.0.0.1"
# So many hosts return mail, each with so many connections.
PEERS, CONNECTIONS = 4, 10
WORST_PER_SECOND = 300.0
PATIENCE = 300.0
SAID = "550 5.1.1 <{}>: Recipient address rejected: User unknown in virtual mailbox table"


@dataclass(frozen=True, slots=True)
class Bounce:
    """One report, ready to be sent to the address that its delivery left from."""

    rcpt_to: str
    raw: bytes


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--count", type=int, default=10_000, help="reports")
    parser.add_argument("--workers", type=int, default=2, help="Celery processes")


def run(options: Mapping[str, Any]) -> Result:
    """All of it at once; what counts is when the last one is matched."""
    bounces = prepared(options["count"])
    with listener() as (listening, port), workers(options["workers"]) as worker:
        time.sleep(2)  # until beat and its worker know each other
        mine = str(settings.VAR_DIR)
        servers = matching(lambda line: mine in line and ("postgres" in line or "valkey" in line))
        with Meter(lambda: [worker, listening, *servers]) as cost:
            began = time.perf_counter()
            asyncio.run(send_all(bounces, port))
            taken = time.perf_counter() - began
            wait_until_read(len(bounces))
            seconds = time.perf_counter() - began
    return judge(len(bounces), taken=taken, seconds=seconds, cpu=cost.cpu, peak_mb=cost.peak_mb)


def judge(count: int, *, taken: float, seconds: float, cpu: float, peak_mb: float) -> Result:
    """All matched, each delivery moved, and fast enough."""
    matched = Report.objects.filter(state="matched", kind="bounce").count()
    moved = Delivery.objects.filter(state="bounced", reason="unknown-user").count()
    figures = {
        "count": count,
        "matched": matched,
        "deliveries_moved": moved,
        "seconds": round(seconds, 2),
        "taken_per_second": round(count / taken, 1),
        "per_second": round(count / seconds, 1),
        "cpu_per_1000": round(cpu / count * 1000, 3),
        "peak_mb": round(peak_mb, 1),
    }
    ok = matched == moved == count and count / seconds >= WORST_PER_SECOND
    return Result(figures, ok, [f"{name:24} {value}" for name, value in figures.items()])


def prepared(count: int) -> list[Bounce]:
    """Deliveries that were accepted, and a bounce for each."""
    now = timezone.now()
    domain = SendingDomain.objects.create(
        name="mail.bench.example", helo="mx.bench.example", envelope_domain="bounce.bench.example"
    )
    pool = Pool.objects.create(name="Bench", domain=domain)
    segment = IpSegment.objects.create(name="bench", network="127.0.10.0/24")
    ip = SendingIp.objects.create(address="127.0.10.1", segment=segment, pool=pool)
    customer = crowds.customer("Bench", pool)
    draft = Draft(subject="News", from_address="news@bench.example", text="Hello.\n")
    mailing = mailings.create(
        customer=customer, draft=draft, lists=[crowds.crowd(customer, count)], by=BY, now=now
    )
    mailings.release(mailing_id=mailing.pk, now=now)
    Delivery.objects.update(state="accepted", reason="accepted", attempts=1, finished_at=now)
    rows = list(Delivery.objects.order_by("id"))
    Attempt.objects.bulk_create((_attempt(row, ip) for row in rows), batch_size=1000)
    return [_bounce(row, domain) for row in rows]


def _attempt(row: Delivery, ip: SendingIp) -> Attempt:
    return Attempt(
        delivery_id=row.pk,
        mailing_id=row.mailing_id,
        customer_id=row.customer_id,
        address=row.address,
        destination=row.destination,
        pool_id=ip.pool_id,
        ip_id=ip.pk,
        source=ip.address,
        phase="end-of-data",
        code=250,
        verdict="accepted",
        category="accepted",
        reason="smtp-reply",
        at=row.queued_at,
        seconds=0.01,
    )


def _bounce(row: Delivery, domain: SendingDomain) -> Bounce:
    sender = composition.envelope_sender(row.pk, domain)
    identity = composition.message_id(row.pk, "bench.example")
    head = f"From: news@bench.example\r\nTo: {row.address}\r\nSubject: News\r\n"
    raw = late_bounces.report(
        host="mx.r.example",
        said=SAID.format(row.address),
        recipient=row.address,
        sender=sender,
        head=f"{head}Message-ID: {identity}".encode(),
        taken=row.queued_at,
        now=row.queued_at,
    )
    return Bounce(sender, raw)


@contextmanager
def listener() -> Iterator[tuple[psutil.Process, int]]:
    """`manage.py intake` on a free port."""
    port = free_port(HOST)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "intake"],
        env=os.environ | {"INTAKE_HOST": HOST, "INTAKE_PORT": str(port)},
        cwd=settings.BASE_DIR,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(HOST, port, seconds=30)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait()


async def send_all(bounces: Sequence[Bounce], port: int) -> None:
    """Each connection sends its share, one after another, as returning hosts do."""
    streams = PEERS * CONNECTIONS
    async with asyncio.TaskGroup() as group:
        for number in range(streams):
            source = f"127.0.2.{number % PEERS + 1}"
            group.create_task(_send(bounces[number::streams], source, port))


async def _send(bounces: Sequence[Bounce], source: str, port: int) -> None:
    reader, writer = await asyncio.open_connection(HOST, port, local_addr=(source, 0))
    await _answer(reader, b"220")
    await _say(reader, writer, b"EHLO mx.r.example", b"250")
    for bounce in bounces:
        await _say(reader, writer, b"MAIL FROM:<>", b"250")
        await _say(reader, writer, f"RCPT TO:<{bounce.rcpt_to}>".encode(), b"250")
        await _say(reader, writer, b"DATA", b"354")
        await _say(reader, writer, bounce.raw + b".", b"250")  # no line of it begins with a dot
    await _say(reader, writer, b"QUIT", b"221")
    writer.close()


async def _say(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes, wanted: bytes
) -> None:
    writer.write(line + b"\r\n")
    await _answer(reader, wanted)


async def _answer(reader: asyncio.StreamReader, wanted: bytes) -> None:
    """RuntimeError when the answer is another."""
    line = await reader.readline()
    while line[3:4] == b"-":
        line = await reader.readline()
    if not line.startswith(wanted):
        raise RuntimeError(f"The intake said {line!r} where {wanted!r} was due.")


def wait_until_read(count: int) -> None:
    """Until nothing is unread; gives up after PATIENCE seconds, and the result tells."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        unread = Report.objects.filter(state="new").exists()
        if not unread and Report.objects.count() >= count:
            return
        time.sleep(0.1)
