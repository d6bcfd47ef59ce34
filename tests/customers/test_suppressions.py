"""Suppressions: several reasons for one address, how long they hold, lifting them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from customers import suppression_causes, suppressions
from customers.models import AuditEntry, Customer, Person, Suppression, SuppressionReason
from customers.suppression_batches import Entry, add_all
from customers.suppression_causes import Cause
from customers.suppressions import Added, ExpiryRefused, LiftRefused
from tests.support.platform import make_list

KEY = "hanako@r.example"
WISHES = [SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT]


def add(customer: Customer | None, reason: str = "manual", key: str = KEY, **more: Any) -> Added:
    return suppressions.add(
        customer_id=customer.pk if customer else None, key=key, reason=SuppressionReason(reason),
        evidence={}, now=timezone.now(), **{"by": "test", **more},
    )  # fmt: skip


def lift(by: Person | str, consent: str = "", **which: Any) -> None:
    row = Suppression.objects.get(**which)
    suppressions.lift(
        suppression=row, why="they called", by=by, now=timezone.now(), consent=consent
    )


def told(customer: Customer, **more: Any) -> str | None:
    return suppressions.reasons(customer_id=customer.pk, keys=[KEY], **more).get(KEY)


def test_lifting_one_reason_leaves_the_others(botan: Customer) -> None:
    add(botan, "unknown-user")
    add(botan, "unsubscribed")
    assert add(botan, "unknown-user") is Added.KNOWN
    lift("test", reason="unknown-user")
    assert told(botan) == "unsubscribed"
    assert add(botan, "unknown-user") is Added.NEW
    assert Suppression.objects.filter(reason="unknown-user").count() == 2


def test_the_recipients_own_wish_is_told_before_other_reasons(botan: Customer) -> None:
    for reason in ("mailbox-full", "unsubscribed", "unknown-user"):
        add(botan, reason)
    assert told(botan) == "unsubscribed"
    assert told(botan, is_bulk=False) == "unknown-user"


def test_what_holds_for_everyone_holds_for_each_and_only_for_as_long(
    asagao: Customer, botan: Customer
) -> None:
    add(None, expires_at=timezone.now() + timedelta(hours=1))
    assert told(asagao) == told(botan) == "manual"
    Suppression.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert told(asagao) is None
    assert add(None) is Added.NEW
    old = Suppression.objects.earliest("id")
    assert (old.lifted_at, old.lifted_cause) == (old.expires_at, "expiry")


@pytest.mark.parametrize("reason", WISHES)
def test_a_customer_cannot_lift_a_wish_without_renewed_consent(
    asagao: Customer, ada: Person, root: Person, reason: str
) -> None:
    add(asagao, reason)
    with translation.override("en"), pytest.raises(LiftRefused, match="agreed again"):
        lift(ada, reason=reason)
    lift(ada, consent="signed up again at the shop, 2026-03-01", reason=reason)
    assert told(asagao) is None
    row = Suppression.objects.get()
    assert (row.lifted_by, row.evidence["consent"][:9]) == (ada, "signed up")
    add(asagao, reason)
    lift(root, reason=reason, lifted_at=None)
    entries = AuditEntry.objects.filter(verb="suppression.lift").order_by("id")
    assert [(entry.by, entry.before, entry.why) for entry in entries] == [
        (str(ada), reason, "they called"), (str(root), reason, "they called")
    ]  # fmt: skip


def test_only_operators_lift_what_holds_for_everyone(ada: Person, root: Person) -> None:
    add(None)
    with translation.override("en"), pytest.raises(LiftRefused, match="only operators"):
        lift(ada, key=KEY)
    lift(root, key=KEY)
    with translation.override("en"), pytest.raises(LiftRefused, match="lifted already"):
        lift(root, key=KEY)


def test_a_contact_is_active_again_when_its_last_opt_out_is_lifted(
    asagao: Customer, root: Person
) -> None:
    contact = make_list(asagao, [KEY]).contacts.get()
    contact.status = "unsubscribed"
    contact.save(update_fields=["status"])
    add(asagao, "unsubscribed")
    add(None, "unsubscribed")
    lift(root, customer=asagao)
    contact.refresh_from_db()
    assert contact.status == "unsubscribed"
    add(asagao, "unsubscribed")
    lift(root, customer=None)
    lift(root, customer=asagao, lifted_at=None)
    contact.refresh_from_db()
    assert contact.status == "active"


def test_causes_are_added_once_with_their_evidence(botan: Customer) -> None:
    cause = Cause(
        botan.pk, KEY, SuppressionReason.UNKNOWN_USER, attempt_id=7, evidence={"delivery": 5}
    )
    everyone = Cause(None, KEY, SuppressionReason.COMPLAINT, report_id=9)
    now = timezone.now()
    assert suppression_causes.add_caused([cause, cause, everyone], now=now) == 2
    assert suppression_causes.add_caused([cause], now=now) == 0
    assert suppression_causes.add_caused([], now=now) == 0
    row = Suppression.objects.get(customer=botan)
    assert (row.attempt_id, row.evidence) == (7, {"delivery": 5})


def lasts_until(**which: Any) -> datetime | None:
    return Suppression.objects.get(**which).expires_at


def test_of_two_blocks_in_one_batch_or_from_two_causes_too(botan: Customer) -> None:
    now = timezone.now()
    soon, late = now + timedelta(hours=1), now + timedelta(hours=2)
    by_hand = SuppressionReason.MANUAL
    entries = [Entry(KEY, by_hand, "first", soon), Entry(KEY, by_hand, "second", late)]
    taken = add_all(customer_id=botan.pk, entries=entries, by="test", now=now)
    assert [(one.is_new, one.suppression.expires_at) for one in taken] == [
        (True, late), (False, late)
    ]  # fmt: skip
    [again] = add_all(customer_id=botan.pk, entries=[Entry(KEY, by_hand)], by="test", now=now)
    assert (again.is_new, again.suppression.expires_at) == (False, None)
    full = SuppressionReason.MAILBOX_FULL
    causes = [Cause(botan.pk, KEY, full, attempt_id=7, expires_at=at) for at in (soon, late)]
    assert suppression_causes.add_caused(causes[:1], now=now) == 1
    assert suppression_causes.add_caused(causes[1:], now=now) == 0
    assert lasts_until(reason=full) == late


@pytest.mark.parametrize("reason", WISHES)
def test_what_the_recipient_asked_for_does_not_end_by_itself(
    botan: Customer, reason: SuppressionReason
) -> None:
    until = timezone.now() + timedelta(days=1)
    with translation.override("en"), pytest.raises(ExpiryRefused, match="does not end by itself"):
        add(botan, reason, expires_at=until)
    entries = [Entry(KEY, reason, "", until)]
    with pytest.raises(ExpiryRefused):
        add_all(customer_id=botan.pk, entries=entries, by="test", now=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        Suppression.objects.create(key=KEY, reason=reason, expires_at=until)
    assert not Suppression.objects.exists()


def test_what_is_past_cannot_be_the_end_of_a_block(botan: Customer) -> None:
    with translation.override("en"), pytest.raises(ExpiryRefused, match="time is past"):
        add(botan, expires_at=timezone.now() - timedelta(seconds=1))
    assert not Suppression.objects.exists()


def test_what_an_operator_blocked_by_hand_only_operators_lift(
    asagao: Customer, ada: Person, root: Person
) -> None:
    add(asagao, by=root)
    with translation.override("en"), pytest.raises(LiftRefused, match="by an operator") as refused:
        lift(ada, key=KEY)
    assert refused.value.code == "operators-only"
    lift(root, key=KEY)
    add(asagao, by=ada)
    lift(ada, lifted_at=None)
    add(asagao, "unknown-user", by=root)
    lift(ada, lifted_at=None)
    assert told(asagao) is None


def test_a_customers_own_block_becomes_the_operators_when_they_block_it_too(
    asagao: Customer, ada: Person, root: Person
) -> None:
    add(asagao, by=ada)
    assert add(asagao, by=root) is Added.STRICTER
    assert add(asagao, by=ada) is Added.KNOWN
    with pytest.raises(LiftRefused):
        lift(ada, key=KEY)
    assert Suppression.objects.get().created_by == ada


@pytest.mark.django_db
def test_a_reason_that_nobody_knows_cannot_be_stored() -> None:
    with pytest.raises(IntegrityError):
        Suppression.objects.create(key=KEY, reason="whim")
