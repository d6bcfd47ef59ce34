"""The watch as a process: one at a time, woken by the bell, back when the database is."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from blacklist import doorbell, watch_process
from blacklist.models import ListSweep
from delivery import consequences_evidence, live
from delivery.consequences_events import Event
from sandbox.internet import Sandbox
from sandbox.own_lists import with_own_lists
from sandbox.scenario import Host, Scenario
from tests.support.platform import make_pool
from tests.support.watching import ask_only
from tests.support.workers import ROOT, database_url, wait_until
from wire.dnsbl import Notice, Trouble
from wire.replies import Party, Permanence, Verdict

BOX = with_own_lists(Scenario((Host("mx.r.example", "127.6.2.1"),), {}))


@pytest.fixture
def start(transactional_db: None, valkey: Any) -> Any:
    """Start `manage.py watch` processes; they are ended with the test."""
    started: list[subprocess.Popen[str]] = []
    with Sandbox(BOX) as box:

        def go() -> "subprocess.Popen[str]":
            host, port = box.dns
            environment = os.environ | {
                "DATABASE_URL": database_url(), "DNS_SERVERS": f"{host}:{port}",
            }  # fmt: skip
            command = [sys.executable, "manage.py", "watch"]
            started.append(
                subprocess.Popen(
                    command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, encoding="utf-8"
                )
            )
            return started[-1]

        yield go
        for process in started:
            process.kill()
            process.communicate()


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def end(process: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    process.communicate(timeout=20)
    return process.returncode


@pytest.mark.scenario
def test_one_watches_and_the_next_takes_over(
    start: Callable[[], "subprocess.Popen[str]"],
) -> None:
    ask_only("zen.spamhaus.org")
    make_pool("Sakura", "127.0.10.1")
    first = start()
    assert first_line(first) == "The watch has begun.\n"
    wait_until(lambda: ListSweep.objects.filter(swept_until__isnull=False).exists())
    second = start()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [watch_process.LOCK])
        assert not cursor.fetchone()[0]
    assert end(first) == 0
    assert first_line(second) == "The watch has begun.\n"
    with connection.cursor() as cursor:  # as when PostgreSQL restarts
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND objid = %s AND granted",
            [watch_process.LOCK],
        )
    while "The watch has begun." not in first_line(second):
        assert second.poll() is None
    assert end(second, signal.SIGINT) == 0


def test_a_resolver_outside_is_refused_with_its_name(
    transactional_db: None, valkey: Any, settings: Any
) -> None:
    settings.DNS_SERVERS = [("192.0.2.53", 53)]
    with pytest.raises(CommandError, match=r"The watch cannot begin: resolver 192\.0\.2\.53:53"):
        call_command("watch", stdout=io.StringIO())


def test_a_resolver_for_everybody_is_warned_about(settings: Any, caplog: Any) -> None:
    settings.DNS_SERVERS, settings.LOOPBACK_ONLY = [("8.8.8.8", 53), ("127.0.0.1", 53)], False
    watch_process.require_resolvers()
    (words,) = caplog.messages
    assert "refuse 8.8.8.8, a resolver that Google Public DNS runs for everybody" in words


def test_what_breaks_the_watch_does_not_end_it(
    transactional_db: None, valkey: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    stop, begun = asyncio.Event(), []

    def begin() -> None:
        begun.append(True)
        if len(begun) == 2:
            stop.set()
        else:
            raise ValueError("something unforeseen")

    monkeypatch.setattr(watch_process, "STAND_BY_SECONDS", 0.01)
    asyncio.run(watch_process.run(stop=stop, ready=begin))
    assert len(begun) == 2
    assert "The watch broke off; it begins anew." in caplog.text


def test_operators_hear_of_a_list_out_of_use_and_of_its_return(caplog: Any) -> None:
    caplog.set_level("INFO")
    watch_process.tell(Notice("bl.example", "127.0.0.1:53", Trouble.refused, "no key"))
    watch_process.tell(Notice("", "127.0.0.1:53", None, ""))
    assert caplog.messages == [
        "Blocklist watch: list bl.example through 127.0.0.1:53 is not in use (no key).",
        "Blocklist watch: 127.0.0.1:53 is in use again.",
    ]


LISTED = Verdict("ip-listed", Permanence.permanent, Party.platform, list="zen.spamhaus.org")


def event(now: Any, state: str = "refused") -> Event:
    return Event(
        at=now, customer_id=1, delivery_id=1, contact_id=None, key="a@r.example",
        destination="other", pool_id=None, ip_id=None, source="127.0.10.1", state=state,
        judged=LISTED,
    )  # fmt: skip


async def hear(ring: Callable[[], None], *, seconds: float) -> bool:
    """Whether the bell rings while `ring` is called again and again."""
    bell = asyncio.Event()
    ringing = asyncio.create_task(doorbell.listen(bell))
    for _ in range(int(seconds / 0.05)):
        await asyncio.to_thread(ring)
        await asyncio.sleep(0.05)
        if bell.is_set():
            break
    was_heard = bell.is_set()
    await doorbell.wait(bell, seconds=0.01)
    assert not bell.is_set()
    ringing.cancel()
    return was_heard


def test_the_bell_rings_when_evidence_is_committed(
    transactional_db: None, valkey: Any, now: Any
) -> None:
    def record() -> None:
        try:
            with transaction.atomic():
                assert consequences_evidence.add([event(now)]) == 1
        finally:
            connection.close()

    assert asyncio.run(hear(record, seconds=5))


def test_who_missed_the_bell_only_waits_for_the_time(settings: Any) -> None:
    async def wait() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await doorbell.wait(asyncio.Event(), seconds=0.05)
        return loop.time() - began

    assert 0.04 < asyncio.run(wait()) < 2


def test_without_valkey_evidence_is_kept_all_the_same(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, now: Any, caplog: Any
) -> None:
    def away() -> None:
        raise redis.ConnectionError("nobody listens")

    monkeypatch.setattr(live, "ring_for_evidence", away)
    assert consequences_evidence.add([event(now)]) == 1
    assert "without its bell: nobody listens" in caplog.text


def test_without_valkey_the_watch_goes_on_listening_for_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    monkeypatch.setattr(doorbell, "PAUSE", 0.01)
    rung = threading.Event()
    assert not asyncio.run(hear(rung.set, seconds=0.2))
    assert "The doorbell cannot be heard" in caplog.text
