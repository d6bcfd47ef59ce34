"""What follows from replies: whom they count against, and whom they stop mail to."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from customers import suppressions
from customers.models import Suppression
from delivery import consequences_evidence, consequences_policy, counters, outcomes
from delivery.consequences_policy import Figures
from delivery.models import Attempt, Delivery, ListingEvidence, Mailing, Strike, SuppressionScope
from tests.delivery.test_claims import claim, make_due
from tests.delivery.test_outcomes import CARRIER
from tests.support.platform import make_list, make_mailing
from wire.outcomes import Outcome, Phase, Reply, Verdict
from wire.replies import Party, Permanence
from wire.replies import Verdict as Judged

pytestmark = pytest.mark.django_db

UNKNOWN = Judged("unknown-user", Permanence.permanent, Party.recipient, rule="t-unknown")
FULL = Judged("mailbox-full", Permanence.permanent, Party.recipient)
LISTED = Judged(
    "ip-listed", Permanence.permanent, Party.platform, list="zen.spamhaus.org",
    resource="127.0.10.1", lookup_url="https://check.example/127.0.10.1",
)  # fmt: skip
TAKEN = Judged("accepted", Permanence.permanent, Party.unknown)


def said(verdict: Verdict, phase: Phase = Phase.rcpt) -> Outcome:
    code = {"accepted": 250, "deferred": 450}.get(verdict, 550)
    return Outcome(
        verdict, phase, Reply(code, "", "words"), "smtp-reply", "mx.r.example", "127.0.2.1", "",
        timezone.now(), 0.1, "",
    )  # fmt: skip


def record(
    judged: Judged, *, mailing: Mailing, count: int = 1, phase: Phase = Phase.rcpt, left: int = 3600
) -> list[outcomes.Result]:
    """The outcome of the next `count` deliveries of a mailing, recorded as workers do."""
    verdict = Verdict.accepted if judged is TAKEN else Verdict.refused
    expires_at = timezone.now() + timedelta(seconds=left)
    results = [
        outcomes.Result(
            attempt_id=item.attempt_id, delivery_id=item.id, mailing_id=item.mailing_id,
            customer_id=item.customer_id, address=item.address, destination=item.destination,
            attempts=1, envelope_sender="b@bounce.example", expires_at=expires_at,
            outcome=said(verdict, phase), judged=judged,
        )
        for item in claim(mailing, limit=count)
    ]  # fmt: skip
    outcomes.record(results=results, carrier=CARRIER, token="1/1/t", now=timezone.now())
    return results


def again(first: Mailing) -> Mailing:
    """Another mailing to the same list, which is one address."""
    return make_mailing(first.customer, first.lists.get(), now=timezone.now())


def active() -> Sequence[tuple[str, str]]:
    rows = Suppression.objects.active().order_by("key")
    return list(rows.values_list("key", "reason"))


def test_an_unknown_user_is_struck_and_suppressed_for_that_customer() -> None:
    mailing = make_due(count=1)
    [result] = record(UNKNOWN, mailing=mailing)
    strike = Strike.objects.get()
    assert (strike.key, strike.attempt_id) == ("user0@r.example", result.attempt_id)
    row = Suppression.objects.get()
    assert (row.customer_id, row.reason, row.attempt_id, row.expires_at) == (
        mailing.customer_id, "unknown-user", result.attempt_id, None
    )  # fmt: skip
    assert row.evidence == {
        "delivery": result.delivery_id, "category": "unknown-user", "rule": "t-unknown",
        "strikes": 1,
    }  # fmt: skip
    assert suppressions.reasons(customer_id=0, keys=["user0@r.example"]) == {}


@pytest.mark.parametrize(
    ("category", "blamed"),
    [
        ("ip-listed", Party.platform),
        ("domain-listed", Party.sender),
        ("ip-reputation", Party.platform),
        ("domain-reputation", Party.sender),
        ("url-listed", Party.content),
        ("content", Party.content),
        ("authentication", Party.sender),
        ("relay-denied", Party.receiver),
        ("protocol", Party.unknown),
        ("network", Party.network),
        ("unclassified", Party.unknown),
        # whatever the category: the blame decides
        ("unknown-user", Party.platform),
    ],
)
def test_what_is_not_the_recipients_fault_never_counts_against_the_address(
    category: str, blamed: Party
) -> None:
    record(Judged(category, Permanence.permanent, blamed), mailing=make_due(count=1))
    assert Delivery.objects.get().state == "refused"
    assert not Strike.objects.exists()
    assert active() == []


def test_a_listing_leaves_evidence_and_keeps_the_delivery_to_be_sent_again() -> None:
    mailing = make_due(count=2)
    now = timezone.now()
    results = record(LISTED, mailing=mailing, count=2)
    row = ListingEvidence.objects.get(attempt_id=results[0].attempt_id)
    assert (row.matched_list, row.resource, row.source, row.destination, row.state) == (
        "zen.spamhaus.org", "127.0.10.1", "127.0.10.1", "other", "refused"
    )  # fmt: skip
    assert [row] == list(consequences_evidence.of_delivery(results[0].delivery_id))
    kept = consequences_evidence.failed_because_of_us(
        since=now - timedelta(hours=1), until=now + timedelta(hours=1)
    )
    assert set(kept.values_list("id", flat=True)) == {result.delivery_id for result in results}
    attempt = Attempt.objects.get(pk=results[0].attempt_id)
    assert (attempt.matched_list, attempt.blamed, attempt.resource) == (
        "zen.spamhaus.org", "platform", "127.0.10.1"
    )  # fmt: skip


def test_a_full_mailbox_is_tried_again_and_strikes_only_when_its_time_is_over() -> None:
    mailing = make_due(count=1)
    record(FULL, mailing=mailing)
    assert Delivery.objects.get().state == "deferred"
    assert not Strike.objects.exists()
    for _ in range(3):
        assert active() == []
        record(FULL, mailing=again(mailing), left=1)
    assert active() == [("user0@r.example", "mailbox-full")]
    lasts = Suppression.objects.get().expires_at
    assert lasts is not None
    assert timedelta(days=89) < lasts - timezone.now() <= timedelta(days=90)


def test_success_ends_the_strikes_of_that_address_at_that_customer_only() -> None:
    mailing, other = make_due(count=1), make_due("Botan", count=1)
    record(FULL, mailing=mailing, left=1)
    record(FULL, mailing=other, left=1)
    [taken] = record(TAKEN, mailing=again(mailing))
    ended = Strike.objects.get(customer_id=mailing.customer_id)
    assert (ended.decayed_by, ended.decayed_at is not None) == (taken.attempt_id, True)
    assert Strike.objects.get(customer_id=other.customer_id).decayed_at is None
    for _ in range(2):
        record(FULL, mailing=again(mailing), left=1)
    assert active() == []


def test_after_the_message_it_takes_more_strikes() -> None:
    mailing = make_due(count=1)
    record(UNKNOWN, mailing=mailing, phase=Phase.end_of_data)
    record(UNKNOWN, mailing=again(mailing), phase=Phase.end_of_data)
    assert active() == []
    record(UNKNOWN, mailing=again(mailing), phase=Phase.end_of_data)
    assert active() == [("user0@r.example", "unknown-user")]


def test_operators_change_how_many_strikes_it_takes_and_for_whom() -> None:
    mailing, other = make_due(count=1), make_due("Botan", count=1)
    to = Figures(SuppressionScope.EVERYONE, 2, 2, 30, 10)
    consequences_policy.change(
        category="unknown-user", to=to, why="trial", by="test", now=timezone.now()
    )
    record(UNKNOWN, mailing=mailing)
    assert active() == []
    record(UNKNOWN, mailing=other)
    row = Suppression.objects.get()
    assert (row.customer_id, row.evidence["strikes"]) == (None, 2)
    assert row.expires_at is not None


def test_figures_of_a_category_that_blames_nobody_cannot_be_set() -> None:
    to = Figures(SuppressionScope.EVERYONE, 2, 2, 30, 10)
    with pytest.raises(consequences_policy.NotChangeable):
        consequences_policy.change(
            category="ip-listed", to=to, why="", by="test", now=timezone.now()
        )


def test_recording_twice_counts_once() -> None:
    mailing = make_due(count=3)
    results = record(UNKNOWN, mailing=mailing, count=3)
    outcomes.record(results=results, carrier=CARRIER, token="1/1/t", now=timezone.now())
    assert Strike.objects.count() == Suppression.objects.count() == 3
    [found] = counters.sums("category", since=timezone.now() - timedelta(hours=1))
    assert (found.of, found.count) == (("unknown-user",), 3)


def test_an_address_with_several_customers_in_one_batch_is_struck_for_each() -> None:
    first, second = make_due(count=1), make_due("Botan", count=1)
    record(UNKNOWN, mailing=first)
    record(UNKNOWN, mailing=second)
    assert Suppression.objects.values("customer_id").distinct().count() == 2


def test_counts_tell_customer_list_pool_ip_destination_and_blame_apart() -> None:
    mailing = make_due(count=5)
    record(TAKEN, mailing=mailing, count=3)
    record(UNKNOWN, mailing=mailing, count=2)
    since = timezone.now() - timedelta(hours=1)
    dimensions = ("customer", "list", "pool", "ip", "destination", "category", "blamed", "state")
    expected = {
        (mailing.customer_id, mailing.lists.get().pk, 1, 1, "other", "accepted", "unknown",
         "accepted"): 3,
        (mailing.customer_id, mailing.lists.get().pk, 1, 1, "other", "unknown-user", "recipient",
         "refused"): 2,
    }  # fmt: skip
    assert {row.of: row.count for row in counters.sums(*dimensions, since=since)} == expected
    assert counters.roll_up() == 2
    assert counters.roll_up() == 0
    assert {row.of: row.count for row in counters.sums(*dimensions, since=since)} == expected


def test_buckets_grow_and_are_forgotten() -> None:
    mailing = make_due(count=2)
    for _ in range(2):
        record(TAKEN, mailing=mailing)
        counters.roll_up()
    now = timezone.now()
    assert [row.count for row in counters.sums("state", since=now - timedelta(hours=1))] == [2]
    of_nobody = counters.sums("state", since=now - timedelta(hours=1), customer_id=0)
    assert of_nobody == []
    assert counters.drop_before(now + timedelta(minutes=1)) >= 1
    assert counters.sums("state", since=now - timedelta(hours=1)) == []


def test_a_sum_of_another_time_is_another_sum() -> None:
    make_list(make_due(count=1).customer, ["x@r.example"], name="Other")
    assert counters.sums("state", since=timezone.now()) == []
