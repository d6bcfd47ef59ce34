"""The flood guard: an address gets so many messages an hour, the rest later."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from customers.models import AuditEntry, Customer
from delivery import claims, flood
from delivery.claims import Claimed
from delivery.flood import Bounds
from delivery.models import Delivery, Mailing
from tests.support.attempts import make_attempt, settle
from tests.support.platform import make_customer, make_list, make_mailing, make_pool

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Customer:
    return make_customer("Asagao", make_pool("A", "127.0.10.1"))


def send(customer: Customer, *addresses: str) -> Mailing:
    number = Mailing.objects.count()
    people = make_list(customer, addresses, name=f"L{number}", attributes={"name": "x"})
    return make_mailing(customer, people, now=timezone.now())


def claim(*mailings: Mailing) -> list[Claimed]:
    now = timezone.now()
    return claims.claim(
        mailings=[mailing.pk for mailing in mailings], destination="other", since=0, limit=100,
        token="1/1/t", until=now + timedelta(minutes=1), now=now,
    )  # fmt: skip


def had(customer: Customer, count: int, address: str, at: datetime) -> None:
    for _ in range(count):
        made = Delivery.objects.get(mailing=send(customer, address))
        settle(made, state="accepted", reason="accepted", at=at)


def test_an_address_that_had_enough_has_to_wait(customer: Customer) -> None:
    now = timezone.now()
    had(customer, 2, "Hanako@r.example", now)
    claimed = claim(send(customer, "hanako@r.example", "taro@r.example"))
    beyond = flood.beyond(claimed, Bounds(2, 9), now=now)
    held = [item for item in claimed if item.id in beyond]
    assert [item.address for item in held] == ["hanako@r.example"]
    assert flood.hold(items=held, token="1/1/t", now=now) == 1
    row = Delivery.objects.get(pk=held[0].id)
    assert (row.state, row.reason, row.attempts) == ("deferred", "flood-guard", 0)
    assert row.next_attempt_at == now + flood.HELD_FOR


def test_an_hour_later_it_may_get_mail_again(customer: Customer) -> None:
    had(customer, 3, "a@r.example", timezone.now() - timedelta(minutes=61))
    assert flood.beyond(claim(send(customer, "a@r.example")), Bounds(2, 9), now=timezone.now()) == (
        set()
    )


def test_customers_count_alone_and_all_together(customer: Customer) -> None:
    now = timezone.now()
    other = make_customer("Botan", make_pool("B", "127.0.11.1"))
    had(customer, 2, "a@r.example", now)
    claimed = claim(send(other, "a@r.example"))
    assert flood.beyond(claimed, Bounds(2, 9), now=now) == set()
    assert flood.beyond(claimed, Bounds(9, 2), now=now) == {claimed[0].id}


def test_what_is_claimed_together_counts_too(customer: Customer) -> None:
    mailings = [send(customer, "a@r.example") for _ in range(4)]
    claimed = claim(*mailings)
    beyond = flood.beyond(claimed, Bounds(2, 9), now=timezone.now())
    assert beyond == set(sorted(item.id for item in claimed)[2:])


def test_few_mailings_cannot_flood_anybody_and_cost_no_count(customer: Customer) -> None:
    for _ in range(2):
        send(customer, "a@r.example")
    now = timezone.now()
    assert not flood.can_overflow(Bounds(2, 2), now=now)
    assert flood.can_overflow(Bounds(1, 9), now=now)
    assert flood.can_overflow(Bounds(9, 1), now=now)


def test_without_bounds_everything_goes(customer: Customer) -> None:
    now = timezone.now()
    had(customer, 3, "a@r.example", now)
    claimed = claim(send(customer, "a@r.example"))
    assert not flood.can_overflow(Bounds(0, 0), now=now)
    assert flood.beyond(claimed, Bounds(0, 9), now=now) == set()
    assert flood.beyond(claimed, Bounds(2, 0), now=now) == {claimed[0].id}
    assert flood.beyond(claimed, Bounds(0, 2), now=now) == {claimed[0].id}


def test_the_bounds_are_settings(settings: Any) -> None:
    settings.FLOOD_PER_CUSTOMER, settings.FLOOD_PER_PLATFORM = 3, 0
    assert flood.bounds() == Bounds(3, 0)


@pytest.mark.parametrize("waited", [timedelta(minutes=75), timedelta(hours=71)])
def test_what_was_queued_long_ago_counts_by_the_hour_in_which_it_came(
    customer: Customer, waited: timedelta
) -> None:
    later = timezone.now() + waited
    had(customer, 3, "a@r.example", later - timedelta(minutes=5))
    waiting = claim(send(customer, "a@r.example"))
    assert flood.beyond(waiting, Bounds(2, 9), now=later) == {waiting[0].id}


@pytest.mark.parametrize("state", ["cancelled", "expired", "suppressed", "refused"])
def test_what_never_reached_the_person_does_not_count(customer: Customer, state: str) -> None:
    now = timezone.now()
    for _ in range(3):
        made = Delivery.objects.get(mailing=send(customer, "a@r.example"))
        settle(made, state=state, reason="x", at=now)
    assert flood.beyond(claim(send(customer, "a@r.example")), Bounds(2, 9), now=now) == set()


@pytest.mark.parametrize(("verdict", "counts"), [("uncertain", True), ("deferred", False)])
def test_of_what_is_to_be_tried_again_only_what_may_have_come_in_counts(
    customer: Customer, verdict: str, counts: bool
) -> None:
    now = timezone.now()
    for _ in range(2):
        made = Delivery.objects.get(mailing=send(customer, "a@r.example"))
        make_attempt(made, at=now, verdict=verdict)
        Delivery.objects.filter(pk=made.pk).update(
            state="deferred", attempts=1, next_attempt_at=now + timedelta(hours=1)
        )
    [item] = claim(send(customer, "a@r.example"))
    assert flood.beyond([item], Bounds(2, 9), now=now) == ({item.id} if counts else set())


def test_what_another_worker_is_sending_counts_also_when_it_is_younger(customer: Customer) -> None:
    mine = claim(send(customer, "a@r.example"))
    claim(send(customer, "a@r.example"), send(customer, "a@r.example"))
    assert flood.beyond(mine, Bounds(2, 9), now=timezone.now()) == {mine[0].id}


def test_it_is_audited_once_for_each_mailing(customer: Customer) -> None:
    mailing, now = send(customer, "a@r.example", "b@r.example"), timezone.now()
    for item in claim(mailing):
        flood.hold(items=[item], token="1/1/t", now=now)
    entry = AuditEntry.objects.get(verb="mailing.flood")
    assert (entry.subject, entry.customer_id) == (f"mailing:{mailing.pk}", customer.pk)
