"""Stories with real Celery workers: routes change, customers leave, workers die."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import Max, Min
from django.utils import timezone

from customers import unsubscribes
from customers.models import Customer
from delivery import mailings, pools
from delivery.models import Attempt, Delivery, Destination, Mailing, Pool, PoolState, SendingIp
from delivery.reconcile import books
from delivery.states import OPEN
from sandbox import reconcile
from sandbox.internet import Sandbox
from tests.support.platform import (
    make_customer,
    make_ladder,
    make_list,
    make_mailing,
    make_pool,
)
from tests.support.workers import Worker, wait_until, workers

Start = Callable[..., list[Worker]]


@pytest.fixture
def own_box() -> Iterator[Sandbox]:
    """A box of this test alone: its store is compared with our books."""
    with Sandbox() as box:
        yield box


@pytest.fixture
def start(own_box: Sandbox, valkey: Any, transactional_db: None, tmp_path: Path) -> Iterator[Start]:
    """Start workers that speak to the box."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def go(count: int = 1, **settings: str) -> list[Worker]:
            host, port = own_box.dns
            settings = {
                "DNS_SERVERS": f"{host}:{port}", "SMTP_PORT": str(own_box.port),
                "RETRY_LADDER": "1s", "RETRY_LIMIT": "60s", "LEASE": "30s",
                "SMTP_COMMAND_TIMEOUT": "10s",
            } | settings  # fmt: skip
            return stack.enter_context(workers(tmp_path, count=count, **settings))

        yield go


@pytest.fixture
def pool(transactional_db: None) -> Pool:
    return make_pool("A", "127.0.10.1", "127.0.10.2", "127.0.10.3")


def make_crowd(customer: Customer, count: int, domain: str = "corporate.example") -> Mailing:
    addresses = [f"user{number}@{domain}" for number in range(count)]
    people = make_list(customer, addresses, attributes={"name": "花子"})
    return make_mailing(customer, people, now=timezone.now())


def accepted() -> int:
    return Delivery.objects.filter(state="accepted").count()


def nothing_open() -> bool:
    return not Delivery.objects.filter(state__in=list(OPEN)).exists()


def test_workers_deliver_a_mailing_to_the_last_recipient(
    start: Start, customer: Customer, own_box: Sandbox
) -> None:
    mailing = make_crowd(customer, 400)
    start()
    wait_until(lambda: Mailing.objects.get(pk=mailing.pk).state == "done")
    verdict = reconcile.verdict(own_box.directory)
    assert verdict.ok, verdict.figures()
    assert (verdict.books.handed_in, verdict.books.states["accepted"]) == (400, 400)
    peers = {message.peer for message in own_box.read()}
    assert len(peers) > 1
    assert peers <= {"127.0.10.1", "127.0.10.2", "127.0.10.3"}


PACED = ["corporate", "gmail-like", "implicit", "docomo-like", "au-like", "softbank-like"]


def test_lanes_that_wait_for_their_pace_do_not_wait_for_each_other(
    start: Start, pool: Pool
) -> None:
    SendingIp.objects.exclude(address="127.0.10.1").delete()
    for name in PACED:
        Destination.objects.create(
            slug=f"paced-{name}", domains=[f"{name}.example"], messages_per_second=1.0
        )
    everybody = [f"u{number}@{name}.example" for name in PACED for number in range(6)]
    owner = make_customer("Asagao", pool)
    people = make_list(owner, everybody, attributes={"name": "花子"})
    make_mailing(owner, people, now=timezone.now())
    start()
    wait_until(lambda: accepted() == len(everybody))
    times = Attempt.objects.aggregate(first=Min("at"), last=Max("at"))
    # One after the other, in the worker's two processes, they would take eighteen seconds.
    assert 4 < (times["last"] - times["first"]).total_seconds() < 12


def test_no_transaction_is_open_while_receivers_take_their_time(
    start: Start, customer: Customer
) -> None:
    make_crowd(customer, 40, domain="slow.example")
    start()
    wait_until(lambda: Attempt.objects.count() > 0)
    oldest = []
    while not nothing_open():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)"
                " FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname ="
                " current_database()"
            )
            oldest.append(float(cursor.fetchone()[0]))
        time.sleep(0.05)
    # A batch lasts for seconds: each letter waits a third of one.
    assert len(oldest) > 20
    assert max(oldest) < 1


def test_a_frozen_pool_hands_the_rest_to_its_fallback(
    start: Start, customer: Customer, pool: Pool, own_box: Sandbox
) -> None:
    make_ladder(pool, make_pool("F", "127.0.12.1", role="fallback"))
    make_crowd(customer, 60, domain="slow.example")
    start()
    wait_until(lambda: Attempt.objects.count() > 5)
    pools.set_state(pool=pool, to=PoolState.FROZEN, why="listed", by="test", now=timezone.now())
    wait_until(nothing_open)
    peers = [message.peer for message in own_box.read()]
    assert set(peers) >= {"127.0.12.1"}
    assert accepted() == 60
    late = [row for row in Attempt.objects.order_by("at") if row.source != "127.0.12.1"]
    moved = Attempt.objects.filter(source="127.0.12.1").earliest("at").at
    # What was on the wire when the pool froze may end there; nothing begins there afterwards.
    assert all((row.at - moved).total_seconds() < 1.5 for row in late)


def test_a_paused_mailing_stands_still_and_goes_on(start: Start, customer: Customer) -> None:
    mailing = make_crowd(customer, 60, domain="slow.example")
    start()
    wait_until(lambda: accepted() > 3)
    mailings.pause(mailing_id=mailing.pk, by="test", now=timezone.now())
    wait_until(lambda: not Delivery.objects.filter(state="sending").exists(), seconds=20)
    stopped_at = accepted()
    assert stopped_at < 60
    time.sleep(3)  # the sweep looks three times, and finds nothing that it may claim
    assert not Delivery.objects.filter(state="sending").exists()
    assert accepted() == stopped_at
    mailings.resume(mailing_id=mailing.pk, by="test", now=timezone.now())
    wait_until(lambda: Mailing.objects.get(pk=mailing.pk).state == "done")
    assert accepted() == 60


def test_who_unsubscribes_after_queueing_is_not_mailed(
    start: Start, customer: Customer, own_box: Sandbox
) -> None:
    mailing = make_crowd(customer, 5)
    opt_out = unsubscribes.OptOut(customer.pk, mailing.pk, "user3@corporate.example")
    assert unsubscribes.unsubscribe(opt_out=opt_out, channel="one-click", now=timezone.now())
    start()
    wait_until(nothing_open)
    row = Delivery.objects.get(address="user3@corporate.example")
    assert (row.state, row.reason) == ("suppressed", "unsubscribed")
    assert accepted() == 4
    assert "user3@corporate.example" not in {message.recipients[0] for message in own_box.read()}


def test_nothing_is_lost_when_a_worker_is_killed(
    start: Start, customer: Customer, own_box: Sandbox
) -> None:
    make_crowd(customer, 1500)
    [first] = start()
    wait_until(lambda: accepted() > 50)
    first.kill()
    # Nobody waits for its lease to run out.
    Delivery.objects.filter(state="sending").update(claimed_until=timezone.now())
    start()
    wait_until(nothing_open, seconds=120)
    found = books()
    assert found.balance, found
    assert found.states["accepted"] == 1500
    compared = reconcile.compare(own_box.directory)
    assert (compared.missing, compared.foreign, compared.wrong_source) == (0, 0, 0)
