"""Suppressions: several reasons for one address, lifting them, files in and out."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone, translation

from customers import suppression_files, suppressions
from customers.models import AuditEntry, Customer, Person, Suppression, SuppressionReason
from customers.suppression_files import Imported, ImportRefused
from customers.suppressions import Cause, LiftRefused
from tests.support.platform import make_list

KEY = "hanako@r.example"
WISHES = [SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT]


def add(customer: Customer | None, reason: str = "manual", key: str = KEY, **more: Any) -> bool:
    return suppressions.add(
        customer_id=customer.pk if customer else None, key=key, reason=SuppressionReason(reason),
        evidence={}, by="test", now=timezone.now(), **more,
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
    assert not add(botan, "unknown-user")
    lift("test", reason="unknown-user")
    assert told(botan) == "unsubscribed"
    assert add(botan, "unknown-user")
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
    assert add(None)
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
    assert suppressions.add_caused([cause, cause, everyone], now=now) == 2
    assert suppressions.add_caused([cause], now=now) == suppressions.add_caused([], now=now) == 0
    row = Suppression.objects.get(customer=botan)
    assert (row.attempt_id, row.evidence) == (7, {"delivery": 5})


@pytest.mark.django_db
def test_a_reason_that_nobody_knows_cannot_be_stored() -> None:
    with pytest.raises(IntegrityError):
        Suppression.objects.create(key=KEY, reason="whim")


def take_in(tmp_path: Path, text: str, customer: Customer | None) -> Imported:
    path = tmp_path / "file.csv"
    path.write_text(text, encoding="utf-8")
    customer_id = customer.pk if customer else None
    with translation.override("en"):
        return suppression_files.take_in(
            path, customer_id=customer_id, name="file.csv", by="test", now=timezone.now()
        )


def test_a_file_is_taken_in_with_reasons_and_times(tmp_path: Path, botan: Customer) -> None:
    add(botan, "manual", "known@r.example")
    text = (
        "name,email,reason,expires_at\n"
        "A,Known@R.example,,\n"
        "B,b@r.example,complained,2027-03-31\n"
        "C,c@r.example,unknown-user,2027-03-31T00:00:00+00:00\n"
        "\n"
        "D,'+d@r.example,,\n"
        "E,c@r.example,unknown-user,\n"
    )
    assert take_in(tmp_path, text, botan) == Imported(3, 2)
    rows = Suppression.objects.order_by("key").values_list("key", "reason", "expires_at")
    assert [(key, reason) for key, reason, _ in rows] == [
        ("+d@r.example", "manual"), ("b@r.example", "complaint"),
        ("c@r.example", "unknown-user"), ("known@r.example", "manual"),
    ]  # fmt: skip
    until = rows[1][2]
    assert until is not None
    assert timezone.localtime(until).isoformat() == "2027-03-31T23:59:59+09:00"
    assert rows[2][2] is None  # once for good is for good
    assert AuditEntry.objects.get(verb="suppression.import").evidence == {"rows": 5, "added": 3}


def test_a_bad_file_changes_nothing_and_says_where(tmp_path: Path, botan: Customer) -> None:
    text = "email,reason,expires_at\na@r.example,,\nno-address,,\nb@r.example,whim,\n"
    text += "c@r.example,,soon\nd@r.example,,,more\ne@r.example,,2027-13-01\n"
    with pytest.raises(ImportRefused) as refused:
        take_in(tmp_path, text, botan)
    assert [(problem.row, problem.column) for problem in refused.value.problems] == [
        (3, "email"), (4, "reason"), (5, "expires_at"), (6, "email"), (7, "expires_at"),
    ]  # fmt: skip
    sentences = [problem.sentence for problem in refused.value.problems]
    assert sentences[0] == 'The address "no-address" has no @ sign.'
    assert sentences[1].startswith("“whim” is no reason: use one of unsubscribed, complaint")
    assert not Suppression.objects.exists()


def test_no_more_than_a_hundred_problems_are_told(tmp_path: Path, botan: Customer) -> None:
    with pytest.raises(ImportRefused) as refused:
        take_in(tmp_path, "email\n" + "bad\n" * 3000, botan)
    assert len(refused.value.problems) == 100


def test_a_file_has_a_greatest_size(
    tmp_path: Path, botan: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppression_files, "MOST_ROWS", 2)
    with pytest.raises(ImportRefused) as refused:
        take_in(tmp_path, "email\na@r.example\nb@r.example\nc@r.example\n", botan)
    assert refused.value.problems[0].row == 4


def test_imported_opt_outs_end_the_contacts_of_that_customer(
    tmp_path: Path, asagao: Customer
) -> None:
    contact = make_list(asagao, [KEY]).contacts.get()
    take_in(tmp_path, f"email,reason\n{KEY},unsubscribed\n", asagao)
    contact.refresh_from_db()
    assert contact.status == "unsubscribed"


def test_what_is_given_out_can_be_taken_in_again(
    tmp_path: Path, botan: Customer, asagao: Customer
) -> None:
    suppressions.add_caused(
        [
            Cause(botan.pk, "+a@r.example", SuppressionReason.UNKNOWN_USER, attempt_id=7),
            Cause(botan.pk, "b@r.example", SuppressionReason.COMPLAINT, report_id=9),
        ],
        now=timezone.now(),
    )
    add(botan, "manual", "c@r.example", expires_at=datetime.fromisoformat("2027-01-01T00:00:00Z"))
    text = "".join(suppression_files.give_out(Suppression.objects.order_by("key")))
    assert text.splitlines()[1].startswith("'+a@r.example,unknown-user,customer,")
    assert text.splitlines()[1].endswith(",,attempt 7")
    assert text.splitlines()[2].endswith(",,report 9")
    assert take_in(tmp_path, text, asagao) == Imported(3, 0)
    fields = ("key", "reason", "expires_at")
    mine, theirs = (
        list(Suppression.objects.filter(customer=one).order_by("key").values_list(*fields))
        for one in (botan, asagao)
    )
    assert mine == theirs
