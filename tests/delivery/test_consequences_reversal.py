"""Taking back what was counted against addresses, and undoing that."""

from datetime import timedelta

import pytest
from django.utils import timezone

from customers import suppressions
from customers.models import AuditEntry, Suppression, SuppressionReason
from delivery import (
    consequences,
    consequences_policy,
    consequences_reversal,
    counters,
    outcomes,
)
from delivery.consequences_policy import Figures
from delivery.models import Delivery, Reversal, Strike, SuppressionScope
from tests.delivery.test_claims import make_due
from tests.delivery.test_consequences import FULL, UNKNOWN, active, again, record
from tests.delivery.test_consequences_reports import bounced, report, taken
from wire.outcomes import Phase
from wire.replies import Party, Permanence
from wire.replies import Verdict as Judged

pytestmark = pytest.mark.django_db

NO_DOMAIN = Judged("no-such-domain", Permanence.permanent, Party.recipient)


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


@pytest.mark.parametrize(
    ("judged", "phase", "takes"),
    [(UNKNOWN, Phase.end_of_data, 3), (NO_DOMAIN, Phase.rcpt, 2), (UNKNOWN, Phase.rcpt, 1)],
)
def test_what_it_took_to_suppress_it_takes_to_stay(
    judged: Judged, phase: Phase, takes: int
) -> None:
    mailing = make_due(count=1)
    all_of_them = [mailing, *(again(mailing) for _ in range(takes))]
    results = [record(judged, mailing=one, phase=phase)[0] for one in all_of_them]
    assert len(active()) == 1
    assert reverse(results[0]).suppressions == 0
    assert reverse(results[1]).suppressions == 1
    assert active() == []


def test_strikes_that_were_too_far_apart_hold_nothing_together() -> None:
    mailing = make_due(count=1)
    all_of_them = [mailing, *(again(mailing) for _ in range(3))]
    results = [record(FULL, mailing=one, left=1)[0] for one in all_of_them]
    long_ago = timezone.now() - timedelta(days=100)
    Strike.objects.filter(attempt_id=results[0].attempt_id).update(at=long_ago)
    reverse(results[1])
    assert active() == []


def test_a_suppression_goes_although_its_category_suppresses_nobody_any_more() -> None:
    results = record(UNKNOWN, mailing=make_due(count=2), count=2)
    consequences_policy.change(
        category="unknown-user", to=Figures(SuppressionScope.NONE, 1, 3, 365, None), why="stop",
        by="test", now=timezone.now(),
    )  # fmt: skip
    made = reverse(results[0])
    assert (made.suppressions, len(active())) == (1, 1)
    consequences_reversal.undo(reversal=made, why="", by="test", now=timezone.now())
    assert len(active()) == 2


def test_what_holds_for_everyone_rests_on_the_strikes_of_all_customers() -> None:
    everyone = Figures(SuppressionScope.EVERYONE, 2, 2, 365, None)
    consequences_policy.change(
        category="unknown-user", to=everyone, why="trial", by="test", now=timezone.now()
    )
    mailings = [make_due(name, count=1) for name in ("Asagao", "Botan", "Kiku")]
    for mailing in mailings[2:]:
        again(mailing)
    results = [record(UNKNOWN, mailing=mailing)[0] for mailing in mailings[:2]]
    assert Suppression.objects.active().get().customer_id is None
    reverse(results[1])
    assert active() == []


def test_the_count_that_goes_is_the_one_that_was_counted() -> None:
    [result] = record(UNKNOWN, mailing=make_due(count=1))
    Delivery.objects.filter(pk=result.delivery_id).update(state="queued")  # to be sent again
    reverse(result)
    assert counted() == {}


def test_an_undone_reversal_restores_only_what_has_enough_strikes_again() -> None:
    mailing = make_due(count=1)
    all_of_them = [mailing, again(mailing), again(mailing)]
    results = [record(FULL, mailing=one, left=1)[0] for one in all_of_them]
    first, second = reverse(results[0]), reverse(results[1])
    now = timezone.now()
    consequences_reversal.undo(reversal=first, why="", by="test", now=now)
    assert active() == []
    consequences_reversal.undo(reversal=second, why="", by="test", now=now)
    assert active() == [("user0@r.example", "mailbox-full")]


def test_what_a_person_lifted_meanwhile_stays_lifted() -> None:
    mailing = make_due(count=1)
    made = reverse(*record(UNKNOWN, mailing=mailing))
    record(UNKNOWN, mailing=again(mailing))
    suppressions.lift(
        suppression=Suppression.objects.active().get(), why="they called", by="test",
        now=timezone.now(),
    )  # fmt: skip
    consequences_reversal.undo(reversal=made, why="", by="test", now=timezone.now())
    assert active() == []


def test_a_complaint_is_taken_back_with_its_count_and_suppression() -> None:
    made = report(taken(make_due(count=1)), "complaint")
    consequences.on_reports([made.pk], now=timezone.now())
    now = timezone.now()
    reversal = consequences_reversal.reverse(reports=[made.pk], why="forged", by="test", now=now)
    assert (reversal.strikes, reversal.suppressions, active()) == (1, 1, [])
    assert counted() == {("accepted", "accepted"): 1}
    consequences_reversal.undo(reversal=reversal, why="it was real", by="test", now=now)
    assert active() == [("user0@r.example", "complaint")]
    assert counted()["complaint", "complaint"] == 1


def test_a_count_whose_category_suppresses_nobody_is_taken_back_too() -> None:
    odd = Judged("unclassified", Permanence.permanent, Party.recipient)
    made = reverse(*record(odd, mailing=make_due(count=1)))
    assert (made.strikes, made.suppressions, counted()) == (1, 0, {})


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
