"""A dead address is found by sending, and then spared on every path to the wire."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from customers import suppressions
from customers.models import Customer, RecipientList, Suppression, SuppressionReason
from delivery import mailings
from delivery.drafts import Given
from delivery.models import Attempt, Delivery, ListingEvidence, Mailing, Strike
from sandbox.internet import Sandbox
from tests.support.platform import DRAFT, make_customer, make_list, make_mailing, make_pool

pytestmark = pytest.mark.scenario

Work = Callable[[], int]
DEAD, ALIVE = "unknown-1@corporate.example", "hanako@corporate.example"


@pytest.fixture
def customer(transactional_db: None) -> Customer:
    return make_customer("Asagao", make_pool("A", "127.0.10.1"))


@pytest.fixture
def people(customer: Customer) -> RecipientList:
    return make_list(customer, [DEAD, ALIVE], attributes={"name": "花子"})


def end(work: Work) -> None:
    while work():
        pass


def attempts_at(address: str) -> int:
    return Attempt.objects.filter(address=address).count()


def test_a_dead_address_is_suppressed_by_its_reply_and_left_out_of_the_next_release(
    box: Sandbox, customer: Customer, people: RecipientList, work: Work
) -> None:
    make_mailing(customer, people, now=timezone.now())
    end(work)
    attempt = Attempt.objects.get(address=DEAD)
    assert (attempt.category, attempt.blamed) == ("unknown-user", "recipient")
    assert attempt.rule
    row = Suppression.objects.get()
    assert (row.key, row.reason, row.attempt_id) == (DEAD, "unknown-user", attempt.pk)
    second = make_mailing(customer, people, now=timezone.now())
    assert Delivery.objects.get(mailing=second, address=DEAD).state == "suppressed"
    end(work)
    assert (attempts_at(DEAD), attempts_at(ALIVE)) == (1, 2)
    assert Strike.objects.count() == 1
    assert not ListingEvidence.objects.exists()


def test_what_waited_in_the_queue_is_stopped_when_it_is_claimed(
    box: Sandbox, customer: Customer, people: RecipientList, work: Work
) -> None:
    waiting = make_mailing(customer, people, now=timezone.now())
    suppressions.add(
        customer_id=None, key=DEAD, reason=SuppressionReason.MANUAL, evidence={}, by="test",
        now=timezone.now(),
    )  # fmt: skip
    end(work)
    row = Delivery.objects.get(mailing=waiting, address=DEAD)
    assert (row.state, row.reason) == ("suppressed", "manual")
    assert (attempts_at(DEAD), attempts_at(ALIVE)) == (0, 1)


@pytest.mark.parametrize("kind", ["bulk", "transactional"])
def test_a_single_message_or_a_trial_to_given_addresses_is_stopped_too(
    box: Sandbox, customer: Customer, work: Work, kind: str
) -> None:
    suppressions.add(
        customer_id=customer.pk, key=DEAD, reason=SuppressionReason.UNKNOWN_USER, evidence={},
        by="test", now=timezone.now(),
    )  # fmt: skip
    made = single(customer, kind)
    end(work)
    states = dict(Delivery.objects.filter(mailing=made).values_list("address", "state"))
    assert states == {DEAD: "suppressed", ALIVE: "accepted"}
    assert attempts_at(DEAD) == 0


def single(customer: Customer, kind: str) -> Mailing:
    now = timezone.now()
    changes: dict[str, Any] = {"kind": kind, "text": "本文"}
    given = [Given(DEAD), Given(ALIVE)]
    made = mailings.create(
        customer=customer, draft=replace(DRAFT, **changes), given=given, by="test", now=now
    )
    mailings.release(mailing_id=made.pk, now=now)
    return made


def test_a_lifted_address_is_mailed_again(
    box: Sandbox, customer: Customer, people: RecipientList, work: Work
) -> None:
    suppressions.add(
        customer_id=customer.pk, key=ALIVE, reason=SuppressionReason.MAILBOX_FULL, evidence={},
        by="test", now=timezone.now(),
    )  # fmt: skip
    row = Suppression.objects.get()
    suppressions.lift(suppression=row, why="it was cleared", by="test", now=timezone.now())
    make_mailing(customer, people, now=timezone.now())
    end(work)
    assert Delivery.objects.get(address=ALIVE).state == "accepted"
