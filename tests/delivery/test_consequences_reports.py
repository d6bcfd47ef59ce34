"""What follows from reports: bounces strike as replies do, complaints suppress and are counted."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from customers.models import Suppression
from delivery import consequences, consequences_policy, counters, outcomes
from delivery.consequences_policy import Figures
from delivery.models import (
    Delivery,
    ListingEvidence,
    Mailing,
    Report,
    Strike,
    SuppressionScope,
)
from tests.delivery.test_claims import make_due
from tests.delivery.test_consequences import FULL, TAKEN, active, again, record

pytestmark = pytest.mark.django_db


def taken(mailing: Mailing) -> outcomes.Result:
    [result] = record(TAKEN, mailing=mailing)
    return result


def report(result: outcomes.Result, kind: str, **fields: Any) -> Report:
    """A report that was matched with this attempt."""
    now = timezone.now()
    return Report.objects.create(
        received_at=now, due_at=now, state="matched", kind=kind, delivery_id=result.delivery_id,
        attempt_id=result.attempt_id, customer_id=result.customer_id,
        recipient="somebody.else@r.example", **fields,
    )  # fmt: skip


def bounced(result: outcomes.Result, category: str = "unknown-user", blamed: str = "recipient"):
    Delivery.objects.filter(pk=result.delivery_id).update(state="bounced", reason=category)
    made = report(result, "bounce", category=category, blamed=blamed, permanence="permanent")
    consequences.on_reports([made.pk], now=timezone.now())
    return made


def test_a_late_bounce_strikes_and_suppresses_the_address_of_the_delivery() -> None:
    result = taken(make_due(count=1))
    made = bounced(result)
    strike = Strike.objects.get()
    assert (strike.key, strike.report_id, strike.attempt_id) == (
        "user0@r.example", made.pk, result.attempt_id
    )  # fmt: skip
    row = Suppression.objects.get()
    assert (row.key, row.reason, row.report_id) == ("user0@r.example", "unknown-user", made.pk)


def test_a_report_that_is_told_twice_counts_once_against_the_address() -> None:
    result = taken(make_due(count=1))
    made = bounced(result, "mailbox-full")
    consequences.on_reports([made.pk], now=timezone.now())
    assert Strike.objects.count() == 1


def test_a_late_bounce_that_names_a_list_blames_the_platform() -> None:
    result = taken(make_due(count=1))
    made = report(
        result, "bounce", category="ip-listed", blamed="platform", permanence="permanent",
        matched_list="zen.spamhaus.org", resource="127.0.10.1",
    )  # fmt: skip
    consequences.on_reports([made.pk], now=timezone.now())
    row = ListingEvidence.objects.get()
    assert (row.report_id, row.matched_list, row.source) == (
        made.pk, "zen.spamhaus.org", "127.0.10.1"
    )  # fmt: skip
    assert not Strike.objects.exists()
    assert active() == []


def test_an_acceptance_that_bounces_later_ended_no_strike() -> None:
    mailing = make_due(count=1)
    for _ in range(3):
        bounced(taken(mailing), "mailbox-full")
        mailing = again(mailing)
    assert Strike.objects.filter(decayed_at=None).count() == 3
    assert active() == [("user0@r.example", "mailbox-full")]


def test_an_acceptance_that_holds_ends_them() -> None:
    mailing = make_due(count=1)
    record(FULL, mailing=mailing, left=1)
    taken(again(mailing))
    bounced(taken(again(mailing)), "content", blamed="content")
    assert Strike.objects.filter(decayed_at=None).count() == 0


def test_a_complaint_suppresses_for_that_customer_and_is_counted() -> None:
    mailing = make_due(count=1)
    made = report(taken(mailing), "complaint", feedback_type="abuse")
    consequences.on_reports([made.pk], now=timezone.now())
    row = Suppression.objects.get()
    assert (row.customer_id, row.reason, row.report_id) == (
        mailing.customer_id, "complaint", made.pk
    )  # fmt: skip
    sums = counters.sums("state", "blamed", since=timezone.now() - timedelta(hours=1))
    assert {row.of: row.count for row in sums} == {
        ("accepted", "unknown"): 1, ("complaint", "sender"): 1,
    }  # fmt: skip


def test_a_later_success_does_not_take_a_complaint_back() -> None:
    mailing = make_due(count=1)
    later = again(mailing)  # on its way already
    made = report(taken(mailing), "complaint")
    consequences.on_reports([made.pk], now=timezone.now())
    Suppression.objects.all().delete()
    taken(later)
    strike = Strike.objects.get()
    assert (strike.state, strike.decayed_at) == ("complaint", None)


def test_what_a_complaint_leads_to_is_set_in_the_table() -> None:
    mailing = make_due(count=1)
    consequences_policy.change(
        category="complaint", to=Figures(SuppressionScope.CUSTOMER, 2, 2, 365, None), why="trial",
        by="test", now=timezone.now(),
    )  # fmt: skip
    for one in (mailing, again(mailing)):
        assert active() == []
        made = report(taken(one), "complaint")
        consequences.on_reports([made.pk], now=timezone.now())
    assert active() == [("user0@r.example", "complaint")]
    with pytest.raises(consequences_policy.NotChangeable):
        consequences_policy.change(
            category="complaint", to=Figures(SuppressionScope.CUSTOMER, 1, 1, 365, 30), why="",
            by="test", now=timezone.now(),
        )  # fmt: skip


@pytest.mark.parametrize("kind", ["delayed", "auto-reply", "unsubscribe", "other"])
def test_other_reports_have_no_consequence(kind: str) -> None:
    made = report(taken(make_due(count=1)), kind, category="unknown-user", blamed="recipient")
    consequences.on_reports([made.pk], now=timezone.now())
    assert not Strike.objects.exists()
    assert active() == []


def test_a_report_without_a_delivery_or_an_attempt_does_no_harm() -> None:
    result = taken(make_due(count=1))
    made = report(result, "bounce", category="unknown-user", blamed="recipient")
    orphan = report(result, "complaint")
    Report.objects.filter(pk=made.pk).update(attempt_id=None)
    Report.objects.filter(pk=orphan.pk).update(delivery_id=1)
    consequences.on_reports([made.pk, orphan.pk], now=timezone.now())
    assert Strike.objects.get().attempt_id is None
    assert active() == [("user0@r.example", "unknown-user")]
