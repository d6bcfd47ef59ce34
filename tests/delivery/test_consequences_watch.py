"""Customers' rates are gathered from the counts, and move standings."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from compliance import standings, threshold_findings, thresholds
from compliance.models import Finding, Measure
from compliance.thresholds import Limits
from customers.models import Customer
from delivery import announcements, consequences_watch, live
from delivery.counters import Sum
from delivery.models import Tally
from tests.support.platform import make_customer

pytestmark = pytest.mark.django_db


def count(customer: Customer, n: int, category: str, state: str, blamed: str = "recipient") -> None:
    Tally.objects.create(
        customer=customer, destination="other", category=category, blamed=blamed, state=state,
        count=n, at=timezone.now(),
    )  # fmt: skip


def watch() -> int:
    return consequences_watch.watch(now=timezone.now())


def test_only_dead_addresses_that_are_the_recipients_fault_are_unknown_users() -> None:
    rows = [
        Sum((1, "accepted", "unknown", "accepted"), 700),
        Sum((1, "unknown-user", "recipient", "refused"), 50),
        Sum((1, "no-such-domain", "recipient", "expired"), 5),
        Sum((1, "mailbox-disabled", "recipient", "bounced"), 5),
        # not dead, not the recipient's fault, not yet over
        Sum((1, "mailbox-full", "recipient", "expired"), 40),
        Sum((1, "unknown-user", "platform", "refused"), 100),
        Sum((1, "unknown-user", "recipient", "deferred"), 900),
        Sum((1, "complaint", "sender", "complaint"), 3),
    ]
    now = timezone.now()
    [unknown] = consequences_watch.figures(rows, Measure.UNKNOWN_USERS, since=now).values()
    assert (unknown.bad, unknown.total) == (60, 895)
    [complaints] = consequences_watch.figures(rows, Measure.COMPLAINTS, since=now).values()
    assert (complaints.bad, complaints.total) == (3, 700)


def test_a_customer_with_many_unknown_users_is_quarantined_and_workers_hear_of_it(
    django_capture_on_commit_callbacks: Any,
) -> None:
    bad, good = make_customer("Bad"), make_customer("Good")
    for customer, unknown in ((bad, 200), (good, 10)):
        count(customer, 1000, "accepted", "accepted", "unknown")
        count(customer, unknown, "unknown-user", "refused")
    before = live.epoch()
    with django_capture_on_commit_callbacks(execute=True):
        assert watch() == 1
    assert standings.current() == {bad.pk: "quarantined"}
    assert live.epoch() != before
    assert watch() == 0


def test_listings_never_raise_the_rate_of_unknown_users() -> None:
    customer = make_customer("Innocent")
    count(customer, 100, "accepted", "accepted", "unknown")
    count(customer, 900, "ip-listed", "refused", "platform")
    assert watch() == 0
    assert not Finding.objects.exists()


def test_what_was_forgiven_does_not_count_again() -> None:
    customer = make_customer("Forgiven")
    count(customer, 100, "accepted", "accepted", "unknown")
    count(customer, 100, "unknown-user", "refused")
    assert watch() == 1
    finding = Finding.objects.get()
    threshold_findings.reverse(finding=finding, why="ours", by="test", now=timezone.now())
    assert watch() == 0
    assert standings.of(customer).state == "normal"


def test_a_customers_own_window_is_looked_at() -> None:
    customer = make_customer("Own")
    own = Limits(0.02, 0.05, 0.10, minimum=100, hours=1)
    thresholds.change(
        customer=customer, measure=Measure.UNKNOWN_USERS, to=own, why="", by="test",
        now=timezone.now(),
    )  # fmt: skip
    count(customer, 1000, "unknown-user", "refused")
    Tally.objects.update(at=timezone.now() - timedelta(hours=2))
    assert watch() == 0


def test_a_warning_ends_when_the_rate_falls() -> None:
    customer = make_customer("Better")
    count(customer, 97, "accepted", "accepted", "unknown")
    count(customer, 3, "unknown-user", "refused")
    count(customer, 3, "unknown-user", "refused")
    watch()
    assert Finding.objects.get().state == "applied"
    Finding.objects.update(state="noted")
    count(customer, 1000, "accepted", "accepted", "unknown")
    watch()
    assert Finding.objects.get().state == "over"


def test_a_moved_standing_is_noted_until_workers_have_heard_of_it(
    django_capture_on_commit_callbacks: Any,
) -> None:
    bad = make_customer("Bad")
    count(bad, 1000, "accepted", "accepted", "unknown")
    count(bad, 200, "unknown-user", "refused")
    with django_capture_on_commit_callbacks():  # the process dies at the commit
        assert watch() == 1
    before = live.epoch()
    assert announcements.catch_up() == 1
    assert live.epoch() != before
