"""Taking back what was counted against addresses, and undoing that."""

from datetime import timedelta

import pytest
from django.utils import timezone

from customers import suppressions
from customers.models import AuditEntry, Suppression, SuppressionReason
from delivery import consequences_reversal, counters, outcomes
from delivery.models import Reversal, Strike
from tests.delivery.test_claims import make_due
from tests.delivery.test_consequences import FULL, UNKNOWN, active, again, record
from tests.delivery.test_consequences_reports import bounced, taken

pytestmark = pytest.mark.django_db


def reverse(*results: outcomes.Result) -> Reversal:
    return consequences_reversal.reverse(
        attempts=[result.attempt_id for result in results], why="we were listed", by="test",
        now=timezone.now(),
    )  # fmt: skip


def counted() -> dict[tuple[str, ...], int]:
    since = timezone.now() - timedelta(hours=1)
    return {row.of: row.count for row in counters.sums("category", "state", since=since)}


def test_a_reversal_takes_back_strike_suppression_and_count() -> None:
    results = record(UNKNOWN, mailing=make_due(count=3), count=3)
    made = reverse(*results[:2])
    assert (made.strikes, made.suppressions) == (2, 2)
    assert len(active()) == 1
    lifted = Suppression.objects.filter(lifted_at__isnull=False)
    assert set(lifted.values_list("lifted_why", "lifted_cause")) == {
        ("we were listed", f"reversal:{made.pk}")
    }
    assert counted() == {("unknown-user", "refused"): 1}
    entry = AuditEntry.objects.get(verb="errors.reverse")
    assert (entry.subject, entry.why) == (f"reversal:{made.pk}", "we were listed")


def test_an_undone_reversal_leaves_everything_as_it_was() -> None:
    results = record(UNKNOWN, mailing=make_due(count=2), count=2)
    before = active()
    made = reverse(*results)
    assert counted() == {}
    consequences_reversal.undo(reversal=made, why="wrong window", by="test", now=timezone.now())
    assert active() == before
    assert counted() == {("unknown-user", "refused"): 2}
    assert Strike.objects.filter(reversal=None).count() == 2
    with pytest.raises(consequences_reversal.NotUndoable):
        consequences_reversal.undo(reversal=made, why="again", by="test", now=timezone.now())


def test_what_is_reversed_can_be_struck_and_suppressed_anew() -> None:
    mailing = make_due(count=1)
    made = reverse(*record(UNKNOWN, mailing=mailing))
    record(UNKNOWN, mailing=again(mailing))
    assert active() == [("user0@r.example", "unknown-user")]
    consequences_reversal.undo(reversal=made, why="", by="test", now=timezone.now())
    assert active() == [("user0@r.example", "unknown-user")]


def test_a_suppression_that_still_has_enough_strikes_stays() -> None:
    mailing = make_due(count=1)
    second, third = again(mailing), again(mailing)
    fourth = again(mailing)  # released before the address is suppressed
    results = [record(FULL, mailing=one, left=1)[0] for one in (mailing, second, third, fourth)]
    assert active() == [("user0@r.example", "mailbox-full")]
    assert reverse(results[0]).suppressions == 0
    assert reverse(results[1]).suppressions == 1
    assert active() == []


def test_what_the_recipient_or_a_person_decided_is_never_touched() -> None:
    mailing = make_due(count=1)
    [result] = record(UNKNOWN, mailing=mailing)
    for reason in (SuppressionReason.UNSUBSCRIBED, SuppressionReason.MANUAL):
        suppressions.add(
            customer_id=mailing.customer_id, key="user0@r.example", reason=reason, evidence={},
            by="test", now=timezone.now(),
        )  # fmt: skip
    reverse(result)
    assert {reason for _, reason in active()} == {"unsubscribed", "manual"}


def test_reversing_twice_or_nothing_is_refused_and_changes_nothing() -> None:
    [result] = record(UNKNOWN, mailing=make_due(count=1))
    reverse(result)
    for attempts in ([result], []):
        with pytest.raises(consequences_reversal.NothingToReverse):
            reverse(*attempts)
    assert Reversal.objects.count() == 1
    assert counted() == {}


def test_a_late_bounce_is_reversed_by_its_report() -> None:
    report = bounced(taken(make_due(count=1)))
    made = consequences_reversal.reverse(
        reports=[report.pk], why="misread", by="test", now=timezone.now()
    )
    assert (made.strikes, made.suppressions) == (1, 1)
    assert active() == []
    assert counted() == {("accepted", "accepted"): 1}
