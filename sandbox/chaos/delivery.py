"""A mailing is delivered while its workers are killed, Valkey is emptied and PostgreSQL crashes.

Nothing may be lost, and a message may come twice only if its connection was open when its worker
was killed. Nobody helps: the mailing has to end by itself. The receiver also drops connections
after the end of data; what it took unanswered is rightly sent again, and counted apart.
"""

import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection
from django.utils import timezone

from delivery import composition, journal, live, mailings, reconcile
from delivery.models import IpSegment, Mailing, Pool, SendingIp
from delivery.reconcile import Books
from delivery.recorder import patiently
from sandbox.bench.delivery import BY, Platform
from sandbox.bench.result import Result
from sandbox.bench.sinks import Sink
from sandbox.chaos import servers
from sandbox.chaos.crew import Crew, crew
from sandbox.chaos.sink import Receiver, Seen, receiver

WORKERS = 2
IPS = range(101, 113)  # beside those of the benchmark: the lane of a killed worker rests a while
DROP = 0.002  # share of messages that the sink takes without an answer
LIMIT_SECONDS = 570.0
LOOK_SECONDS = 0.2
SIZE = 2048
# Valkey is not emptied while it alone knows what a killed worker had sent, and no worker is killed
# within seconds of it: when both fall at once, messages come twice. Each fault alone is borne.
APART_SECONDS = 3.0
# What the instance runs with; the rest is as in production. See the command.
SETTINGS = {"RETRY_LADDER": "2s", "RETRY_LIMIT": "30m"}


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--count", type=int, default=50_000, help="messages")
    parser.add_argument("--kills", type=int, default=50, help="workers killed with SIGKILL")
    parser.add_argument("--valkey", type=int, default=2, help="times that Valkey is emptied")
    parser.add_argument("--postgres", type=int, default=1, help="crashes of PostgreSQL")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run's moments")


def run(options: Mapping[str, Any]) -> Result:
    """Load, send, break, wait for the end, count."""
    seed = options["seed"] if options["seed"] is not None else int(time.time())
    chance = Random(seed)  # noqa: S311 - picks moments
    with receiver(drop=DROP) as sink:
        mailing = _prepare(sink, options["count"])
        with crew(size=WORKERS, sink_port=sink.port, chance=chance) as workers:
            began = time.monotonic()
            done = _break(mailing, _plan(options, workers, chance))
            seconds = time.monotonic() - began
        books: list[Books] = []
        patiently(lambda: books.append(reconcile.books()))
        told = {
            "seed": seed,
            "count": options["count"],
            "kills": workers.kills,
            "valkey_restarts": done["valkey"],
            "postgres_restarts": done["postgres"],
            "open_connections_at_kills": workers.open_connections,
            "seconds": round(seconds, 1),
        }
        return judge(told, books[0], sink.end(), accepted=_accepted_ids())


def judge(told: dict[str, Any], books: Books, seen: Seen, *, accepted: set[int]) -> Result:
    """The bar: nothing lost, duplicates within the bound, everything final, books that balance."""
    arrived = {composition.read_message_id(one) for one in seen.ids}
    lost = told["count"] - books.final + len(accepted - arrived)
    bound = told["open_connections_at_kills"]
    told |= {
        "dropped_by_sink": seen.dropped.total(),
        "repeats_after_drop": seen.repeats_after_drop,
        "duplicates": seen.duplicates,
        "lost": lost,
        "states": {state: n for state, n in books.states.items() if n},
    }
    ok = lost == 0 and seen.duplicates <= bound and books.open == 0 and books.balance
    return Result(told, ok, [f"{name:28} {value}" for name, value in told.items()])


def _prepare(sink: Receiver, count: int) -> int:
    """A platform with more lanes than the benchmark's, and one mailing, due now."""
    platform = Platform(Sink(sink.name, sink.host, sink.port))
    platform.load(count, SIZE)
    pool, segment = Pool.objects.get(), IpSegment.objects.get()
    for number in IPS:
        SendingIp.objects.create(address=f"127.0.10.{number}", segment=segment, pool=pool)
    mailing = mailings.create(
        customer=platform.customer,
        draft=platform.draft,
        lists=[platform.many],
        by=BY,
        now=timezone.now(),
    )
    return mailing.pk


Break = tuple[float, str, Callable[[], None]]  # at which share of the mailing, what, how


def _plan(options: Mapping[str, Any], workers: Crew, chance: Random) -> list[Break]:
    kinds = {
        "kill": (options["kills"], workers.kill_one),
        "valkey": (options["valkey"], _empty_valkey),
        "postgres": (options["postgres"], servers.restart_postgres),
    }
    return sorted(
        (
            (chance.uniform(0.01, 0.97), name, act)
            for name, (times, act) in kinds.items()
            for _ in range(times)
        ),
        key=lambda planned: planned[0],
    )


def _break(mailing: int, plan: list[Break]) -> dict[str, int]:
    """Do what is planned while the mailing goes on; how often each was done when it is over."""
    done = {"kill": 0, "valkey": 0, "postgres": 0}
    waiting = list(plan)
    ends = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < ends:
        share = _share_done(mailing)
        if share is None and not waiting:
            break
        if waiting and (share is None or share >= waiting[0][0]):
            _, name, act = waiting.pop(0)
            act()
            done[name] += 1
        time.sleep(LOOK_SECONDS)
    return done


def _empty_valkey() -> None:
    time.sleep(APART_SECONDS)
    while _something_left_behind():
        time.sleep(LOOK_SECONDS)
    servers.restart_valkey()
    time.sleep(APART_SECONDS)


def _something_left_behind() -> bool:
    """Whether the journal has entries that their writers should have deleted by now."""
    client = live.connection()
    oldest: Any = client.xrange(journal.KEY, count=1)
    if not oldest:
        return False
    seconds, _ = client.time()
    return seconds - int(oldest[0][0].partition("-")[0]) / 1000 > journal.GRACE_SECONDS / 2


def _share_done(mailing_id: int) -> float | None:
    """How much of the mailing is in a final state; None once the product calls it done."""
    found: list[float | None] = []

    def look() -> None:
        mailing = Mailing.objects.get(pk=mailing_id)
        if mailing.finished_at is not None:
            found.append(None)
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM delivery_delivery"
                " WHERE mailing_id = %s AND state IN ('queued', 'deferred', 'sending')",
                [mailing_id],
            )
            still_open = int(cursor.fetchone()[0])
        found.append(1 - still_open / max(mailing.handed_in, 1) if mailing.released_at else 0.0)

    patiently(look)
    return found[-1]


def _accepted_ids() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM delivery_delivery WHERE state = 'accepted'")
        return {row[0] for row in cursor.fetchall()}
