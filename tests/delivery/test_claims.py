"""Claiming: nobody gets a row twice, what is given back is due again, dead workers lose nothing."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from delivery import claims
from delivery.models import Attempt, Delivery, Mailing, SendingIp
from tests.support.platform import make_customer, make_list, make_mailing, make_pool

ADDRESSES = [f"user{number}@r.example" for number in range(40)]


def make_due(name: str = "Asagao", count: int = 40) -> Mailing:
    customer = make_customer(name, make_pool(name, f"127.0.{10 + len(name)}.1"))
    recipients = make_list(customer, ADDRESSES[:count], attributes={"name": "x"})
    return make_mailing(customer, recipients, now=timezone.now())


def claim(*mailings: Mailing, limit: int = 100, token: str = "1/1/t", now: datetime | None = None):
    now = now or timezone.now()
    return claims.claim(
        mailings=[mailing.pk for mailing in mailings], destination="other", since=0, limit=limit,
        token=token, until=now + timedelta(minutes=15), now=now,
    )  # fmt: skip


@pytest.mark.django_db
def test_a_claim_marks_rows_as_sending_with_a_lease() -> None:
    claimed = claim(make_due(), limit=10)
    assert len(claimed) == 10
    rows = Delivery.objects.filter(state="sending")
    assert {row.pk for row in rows} == {item.id for item in claimed}
    assert {row.claimed_by for row in rows} == {"1/1/t"}


@pytest.mark.django_db
def test_several_mailings_share_a_claim_equally() -> None:
    big, small = make_due("Asagao"), make_due("Botan", count=3)
    claimed = claim(big, small, limit=20)
    by_mailing = [item.mailing_id for item in claimed]
    assert (by_mailing.count(big.pk), by_mailing.count(small.pk)) == (10, 3)


@pytest.mark.django_db
def test_what_is_not_due_is_not_claimed() -> None:
    mailing = make_due()
    Delivery.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=5))
    assert claim(mailing) == []
    assert len(claim(mailing, now=timezone.now() + timedelta(minutes=6))) == 40


@pytest.mark.django_db
def test_given_back_rows_are_queued_or_deferred_as_before() -> None:
    claimed = claim(make_due(), limit=2)
    Delivery.objects.filter(pk=claimed[0].id).update(attempts=1)
    ids = [item.id for item in claimed]
    assert claims.give_back(ids=ids, token="another worker") == 0
    assert claims.give_back(ids=ids, token="1/1/t") == 2
    states = [Delivery.objects.get(pk=item).state for item in ids]
    assert states == ["deferred", "queued"]


@pytest.mark.django_db
def test_a_lease_that_runs_out_brings_the_row_back_with_an_uncertain_attempt() -> None:
    mailing = make_due(count=1)
    ip = SendingIp.objects.get()
    assert ip.pool_id is not None
    claim(mailing, token=claims.new_token(pool_id=ip.pool_id, ip_id=ip.pk))
    now = timezone.now()
    assert claims.return_expired(now=now) == 0
    assert claims.return_expired(now=now + timedelta(minutes=16)) == 1
    row = Delivery.objects.get()
    assert (row.state, row.reason, row.claimed_by) == ("deferred", "worker-lost", "")
    attempt = Attempt.objects.get()
    assert (attempt.delivery_id, attempt.verdict) == (row.pk, "uncertain")
    assert (attempt.pool_id, attempt.ip_id, attempt.source) == (ip.pool_id, ip.pk, ip.address)
    assert len(claim(mailing, now=now + timedelta(minutes=17))) == 1


def lose(mailing: Mailing, *, at: datetime) -> Delivery:
    """Claimed by a worker that dies, and brought back."""
    assert len(claim(mailing, now=at)) == 1
    assert claims.return_expired(now=at + timedelta(minutes=16)) == 1
    return Delivery.objects.get()


@pytest.mark.django_db
def test_what_is_lost_again_and_again_goes_up_the_ladder(settings: Any) -> None:
    settings.RETRY_LADDER = [300, 900]
    mailing, now = make_due(count=1), timezone.now()
    waits: list[tuple[int, float]] = []
    for _ in range(4):
        row = lose(mailing, at=now)
        lost_at, now = now + timedelta(minutes=16), row.next_attempt_at
        waits.append((row.attempts, (row.next_attempt_at - lost_at).total_seconds()))
    assert [attempts for attempts, _ in waits] == [0, 1, 2, 3]
    for (_, wait), step in zip(waits, [0, 300, 900, 900], strict=True):
        assert step <= wait <= step * 1.2
    assert Attempt.objects.filter(verdict="uncertain").count() == 4


@pytest.mark.django_db
def test_what_was_tried_since_it_was_lost_is_due_at_once() -> None:
    mailing, now = make_due(count=1), timezone.now()
    lose(mailing, at=now)
    Delivery.objects.update(reason="mailbox-full", attempts=1)
    row = lose(mailing, at=now + timedelta(hours=1))
    assert (row.attempts, row.next_attempt_at) == (1, now + timedelta(hours=1, minutes=16))


@pytest.mark.django_db(transaction=True)
def test_twenty_claimers_never_get_the_same_row() -> None:
    mailing = make_due()
    taken: list[int] = []
    barrier = threading.Barrier(20)

    def work(number: int) -> None:
        barrier.wait()
        for _ in range(3):
            taken.extend(item.id for item in claim(mailing, limit=2, token=f"w{number}"))
        connection.close()

    threads = [threading.Thread(target=work, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40
