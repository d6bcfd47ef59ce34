"""What an outcome does to a delivery, and how it is written down."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from delivery import claims, counters, outcomes
from delivery.models import Attempt, Delivery, Strike
from delivery.states import DELIVERY_MOVES, DeliveryState
from tests.delivery.test_claims import claim, make_due
from wire.outcomes import Outcome, Phase, Reply, Verdict

CARRIER = outcomes.Carrier(pool_id=1, ip_id=1, source="127.0.10.1", helo="out1.example")


def outcome(verdict: Verdict, code: int, enhanced: str = "", phase: Phase = Phase.rcpt) -> Outcome:
    return Outcome(
        verdict, phase, Reply(code, enhanced, "words"), "smtp-reply", "mx.r.example",
        "127.0.2.1", "TLSv1.3", datetime(2026, 3, 2, tzinfo=UTC), 0.25, "+0ms S: 220 hi",
    )  # fmt: skip


def decided(
    verdict: Verdict, *, left: int = 3600, category: str = "content", permanence: str = "unknown"
) -> outcomes.Decision:
    now = timezone.now()
    return outcomes.decide(
        verdict=verdict, category=category, permanence=permanence, attempts=1, ladder=[300],
        chance=0.0, now=now, expires_at=now + timedelta(seconds=left),
    )  # fmt: skip


def test_each_verdict_has_its_state() -> None:
    assert decided(Verdict.accepted).state == DeliveryState.ACCEPTED
    assert decided(Verdict.refused).state == DeliveryState.REFUSED
    assert decided(Verdict.deferred).state == DeliveryState.DEFERRED
    assert decided(Verdict.uncertain).state == DeliveryState.DEFERRED


def test_a_deferral_without_time_left_expires_with_its_reason() -> None:
    decision = decided(Verdict.deferred, left=299, category="mailbox-full")
    assert (decision.state, decision.reason) == (DeliveryState.EXPIRED, "mailbox-full")


@pytest.mark.parametrize(
    ("verdict", "category", "permanence", "state"),
    [
        # what the reply means goes before its digit
        (Verdict.deferred, "ip-listed", "permanent", "refused"),
        (Verdict.refused, "protocol", "temporary", "deferred"),
        # a mailbox may be cleared, a greylist passes, a pace slows down: even after a 5xx
        (Verdict.refused, "mailbox-full", "permanent", "deferred"),
        (Verdict.refused, "greylist", "permanent", "deferred"),
        (Verdict.refused, "rate-limit", "permanent", "deferred"),
        (Verdict.refused, "unknown-user", "permanent", "refused"),
        (Verdict.refused, "ip-listed", "permanent", "refused"),
        # the receiver may have it: never final
        (Verdict.uncertain, "connection-lost", "permanent", "deferred"),
    ],
)
def test_the_table_of_consequences_says_what_is_final(
    verdict: Verdict, category: str, permanence: str, state: str
) -> None:
    assert decided(verdict, category=category, permanence=permanence).state == state


def test_every_decision_is_an_allowed_move() -> None:
    for verdict in Verdict:
        for left in (1, 3600):
            state = decided(verdict, left=left).state
            assert state in DELIVERY_MOVES[DeliveryState.SENDING]


def record(made: Outcome, claimed: claims.Claimed, token: str = "1/1/t") -> int:
    result = outcomes.result_of(
        claimed, made, envelope_sender="b-x@bounce.example",
        expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    return outcomes.record(results=[result], carrier=CARRIER, token=token, now=timezone.now())


@pytest.mark.django_db
def test_an_attempt_keeps_route_place_reply_and_conversation() -> None:
    [claimed] = claim(make_due(count=1))
    assert record(outcome(Verdict.refused, 550, "5.1.1"), claimed) == 1
    row = Delivery.objects.get()
    assert (row.state, row.reason, row.attempts) == ("refused", "unknown-user", 1)
    attempt = Attempt.objects.get()
    assert (attempt.source, attempt.helo, attempt.mx_host, attempt.mx_address) == (
        "127.0.10.1", "out1.example", "mx.r.example", "127.0.2.1"
    )  # fmt: skip
    assert (attempt.phase, attempt.code, attempt.enhanced, attempt.category) == (
        "rcpt", 550, "5.1.1", "unknown-user"
    )  # fmt: skip
    assert attempt.conversation == "+0ms S: 220 hi"
    assert attempt.customer_id == row.customer_id


@pytest.mark.django_db
def test_a_deferral_sets_the_next_attempt_and_frees_the_row() -> None:
    [claimed] = claim(make_due(count=1))
    record(outcome(Verdict.deferred, 452, "4.2.2"), claimed)
    row = Delivery.objects.get()
    assert (row.state, row.claimed_by, row.claimed_until) == ("deferred", "", None)
    assert row.next_attempt_at > timezone.now() + timedelta(minutes=4)


@pytest.mark.django_db
def test_a_worker_that_lost_its_claim_changes_nothing_but_keeps_the_attempt() -> None:
    [claimed] = claim(make_due(count=1))
    assert record(outcome(Verdict.refused, 550), claimed, token="somebody else") == 0
    assert Delivery.objects.get().state == "sending"
    assert Attempt.objects.count() == 1


@pytest.mark.django_db
def test_a_failure_counts_for_whoever_holds_the_claim_and_once() -> None:
    mailing = make_due(count=1)
    [first] = claim(mailing, token="1/1/a")
    Delivery.objects.update(state="queued", claimed_by="", claimed_until=None)
    [second] = claim(mailing, token="1/1/b")
    unknown = outcome(Verdict.refused, 550, "5.1.1")
    assert record(unknown, first, token="1/1/a") == 0
    assert not Strike.objects.exists()
    assert record(unknown, second, token="1/1/b") == 1
    sums = counters.sums("category", "state", since=timezone.now() - timedelta(hours=1))
    assert [(row.of, row.count) for row in sums] == [(("unknown-user", "refused"), 1)]
    assert Strike.objects.get().attempt_id == second.attempt_id
    assert Attempt.objects.count() == 2


@pytest.mark.django_db
def test_a_late_acceptance_spares_the_second_copy() -> None:
    [claimed] = claim(make_due(count=1))
    claims.return_expired(now=timezone.now() + timedelta(minutes=16))
    record(outcome(Verdict.accepted, 250), claimed)
    assert Delivery.objects.get().state == "accepted"


@pytest.mark.django_db
def test_an_acceptance_counts_although_its_mailing_was_cancelled_meanwhile() -> None:
    [claimed] = claim(make_due(count=1))
    Delivery.objects.update(state="cancelled", claimed_by="")
    record(outcome(Verdict.refused, 550), claimed)
    assert Delivery.objects.get().state == "cancelled"
