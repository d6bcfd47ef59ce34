"""Suppressions as files: taken in whole or not at all, given out to be taken in again."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone, translation

from customers import suppression_causes, suppression_files
from customers.models import AuditEntry, Customer, Suppression, SuppressionReason
from customers.suppression_causes import Cause
from customers.suppression_files import Imported, ImportRefused
from customers.suppressions import Added
from tests.customers.test_suppressions import KEY, add, lasts_until
from tests.support.platform import make_list


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
        "B,b@r.example,mailbox stays full,2027-03-31\n"
        "C,c@r.example,unknown-user,2027-03-31T00:00:00+00:00\n"
        "\n"
        "D,'+d@r.example,,\n"
        "E,c@r.example,unknown-user,\n"
    )
    assert take_in(tmp_path, text, botan) == Imported(3, 2)
    rows = Suppression.objects.order_by("key").values_list("key", "reason", "expires_at")
    assert [(key, reason) for key, reason, _ in rows] == [
        ("+d@r.example", "manual"), ("b@r.example", "mailbox-full"),
        ("c@r.example", "unknown-user"), ("known@r.example", "manual"),
    ]  # fmt: skip
    until = rows[1][2]
    assert until is not None
    assert timezone.localtime(until).isoformat() == "2027-03-31T23:59:59+09:00"
    assert rows[2][2] is None  # once for good is for good
    assert AuditEntry.objects.get(verb="suppression.import").evidence == {
        "rows": 5, "added": 3, "stricter": 0,
    }  # fmt: skip


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
    suppression_causes.add_caused(
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


def test_of_two_blocks_the_one_that_holds_longer_counts(tmp_path: Path, botan: Customer) -> None:
    soon, late = (timezone.now() + timedelta(hours=hours) for hours in (1, 2))
    add(botan, expires_at=soon)
    assert add(botan, expires_at=late) is Added.STRICTER
    assert add(botan, expires_at=soon) is Added.KNOWN
    assert lasts_until() == late
    assert take_in(tmp_path, f"email\n{KEY}\n", botan) == Imported(0, 1, 1)
    assert lasts_until() is None
    assert add(botan, expires_at=late) is Added.KNOWN
    assert take_in(tmp_path, f"email\n{KEY}\n", botan) == Imported(0, 1, 0)
    assert lasts_until() is None


def test_a_time_that_is_past_or_cannot_be_is_named_with_its_row(
    tmp_path: Path, botan: Customer
) -> None:
    text = "email,reason,expires_at\na@r.example,,2020-01-01\nb@r.example,complaint,2099-01-01\n"
    text += "c@r.example,,9999-12-31\n"
    with pytest.raises(ImportRefused) as refused:
        take_in(tmp_path, text, botan)
    assert [(wrong.row, wrong.column, wrong.sentence) for wrong in refused.value.problems] == [
        (2, "expires_at", "This time is past."),
        (3, "expires_at", "What the recipient asked for (“complaint”) does not end by itself."),
    ]  # fmt: skip
    assert not Suppression.objects.exists()
