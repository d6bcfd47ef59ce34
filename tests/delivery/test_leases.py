"""Leases are short, renewed while their worker lives, and given up before another may have them."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from delivery import claims, journal, leases, outcomes, recovery
from delivery.leases import Lease
from delivery.models import Attempt, Delivery, SendingIp
from tests.delivery.test_claims import claim, make_due
from tests.delivery.test_journal import leave_behind
from tests.delivery.test_outcomes import outcome
from wire.outcomes import Verdict


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, to be moved by hand."""
    hand = [100.0]
    monkeypatch.setattr(leases, "time", SimpleNamespace(monotonic=lambda: hand[0]))
    return hand


@pytest.mark.django_db
def test_a_lease_is_renewed_for_what_is_still_in_the_claim(clock: list[float]) -> None:
    items = claim(make_due(count=3), token="1/1/mine")
    Delivery.objects.filter(pk=items[0].id).update(claimed_by="1/1/another")
    lease = Lease(token="1/1/mine", ids=[item.id for item in items[:2]])
    before = dict(Delivery.objects.values_list("pk", "claimed_until"))
    lease.renew()
    after = dict(Delivery.objects.values_list("pk", "claimed_until"))
    assert [after[item.id] != before[item.id] for item in items] == [False, True, False]


@pytest.mark.django_db
def test_letters_may_be_begun_while_two_thirds_of_the_lease_last(clock: list[float]) -> None:
    lease = Lease(token="1/1/t", ids=[])
    assert (lease.holds(), lease.due_in()) == (True, 10.0)
    clock[0] += 19
    assert (lease.holds(), lease.due_in()) == (True, 0.0)
    clock[0] += 2
    assert not lease.holds()
    lease.renew()
    assert (lease.holds(), lease.due_in()) == (True, 10.0)


@pytest.mark.django_db
def test_a_lapsed_lease_never_holds_again(clock: list[float]) -> None:
    lease = Lease(token="1/1/t", ids=[])
    clock[0] += 30
    lease.renew()
    assert not lease.holds()


def dead_workers_claim() -> list[claims.Claimed]:
    mailing = make_due(count=2)
    ip = SendingIp.objects.get()
    assert ip.pool_id is not None
    token = claims.new_token(pool_id=ip.pool_id, ip_id=ip.pk)
    return list(claim(mailing, token=token))


@pytest.mark.django_db
def test_recovery_hears_the_journal_before_it_returns_a_row(valkey: Any) -> None:
    done, lost = dead_workers_claim()
    result = outcomes.result_of(
        done, outcome(Verdict.accepted, 250), envelope_sender="", expires_at=timezone.now()
    )
    leave_behind([result], token=Delivery.objects.get(pk=done.id).claimed_by)
    later = timezone.now() + timedelta(minutes=16)
    assert recovery.recover(now=later) == recovery.Recovered(replayed=1, returned=1)
    rows = Delivery.objects.in_bulk()
    assert (rows[done.id].state, rows[lost.id].state) == ("accepted", "deferred")
    assert Attempt.objects.filter(verdict="uncertain").get().delivery_id == lost.id
    assert recovery.recover(now=later) == recovery.Recovered(0, 0)


@pytest.mark.django_db
def test_nothing_is_returned_while_the_journal_cannot_be_heard(
    settings: Any, tmp_path: Any
) -> None:
    import redis

    from tests.support.faults import nowhere

    dead_workers_claim()
    settings.REDIS_URL = nowhere(tmp_path)
    with pytest.raises(redis.RedisError):
        recovery.recover(now=timezone.now() + timedelta(minutes=16))
    assert not Delivery.objects.exclude(state="sending").exists()


@pytest.mark.django_db
def test_after_a_start_of_postgresql_living_workers_renew_first(settings: Any) -> None:
    dead_workers_claim()
    later = timezone.now() + timedelta(minutes=16)
    assert claims.has_expired(now=later)
    settings.LEASE_SECONDS = 3600 * 24 * 365  # longer than the server has been up
    assert not claims.has_expired(now=later)


def test_the_grace_is_shorter_than_what_is_left_of_a_dead_workers_lease(settings: Any) -> None:
    assert journal.GRACE_SECONDS <= settings.LEASE_SECONDS * 2 / 3
