"""Reading stored reports: rows, deliveries, suppressions."""

import threading
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from customers.models import Contact, Customer, Suppression
from delivery import composition, consequences, intake_store, reports, tasks
from delivery.intake_store import Received
from delivery.models import Delivery, Report, SendingDomain
from tests.support.attempts import make_attempt, settle
from tests.support.intake import complaint, dsn
from tests.support.platform import make_customer, make_list, make_mailing, make_pool

pytestmark = pytest.mark.django_db


@pytest.fixture
def asagao(db: None) -> Customer:
    return make_customer("Asagao", make_pool("A", "127.0.10.1"))


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def delivery(asagao: Customer, now: datetime) -> Delivery:
    return accepted(asagao, "hanako@r.example", now)


def accepted(customer: Customer, address: str, now: datetime) -> Delivery:
    people = make_list(customer, [address], name=address, attributes={"name": "x"})
    made = Delivery.objects.get(mailing=make_mailing(customer, people, now=now))
    make_attempt(made, at=now, verdict="accepted", category="accepted", code=250, text="2.0.0 ok")
    settle(made, state="accepted", reason="accepted", at=now)
    return made


def address_of(delivery: Delivery) -> str:
    return composition.envelope_sender(delivery.pk, SendingDomain.objects.get())


def come_in(raw: bytes, rcpt_to: str, *, at: datetime) -> None:
    intake_store.write([Received(at, "127.0.2.9", "mx.r.example", "", "", rcpt_to, raw)])


def read(now: datetime) -> int:
    return reports.read_new(now=now, seconds=30)


def state_of(delivery: Delivery) -> str:
    return Delivery.objects.get(pk=delivery.pk).state


def test_a_late_bounce_finds_its_delivery_and_moves_it(delivery: Delivery, now: datetime) -> None:
    later = now + timedelta(days=3)
    come_in(dsn("hanako@r.example"), address_of(delivery), at=later)
    assert read(later) == 1
    row = Report.objects.get()
    assert (row.state, row.kind, row.matched_by) == ("matched", "bounce", "bounce-address")
    assert (row.delivery_id, row.customer_id) == (delivery.pk, delivery.customer_id)
    assert (row.recipient, row.status, row.action) == ("hanako@r.example", "5.1.1", "failed")
    assert (row.category, row.blamed, row.permanence) == ("unknown-user", "recipient", "permanent")
    assert "User unknown" in row.diagnostic
    assert row.arrival_date == datetime.fromisoformat("2026-03-02T10:00:00+09:00")
    moved = Delivery.objects.get()
    assert (moved.state, moved.reason, moved.finished_at) == ("bounced", "unknown-user", later)
    assert read(later) == 0


def test_the_task_reads_what_came_in(delivery: Delivery, now: datetime) -> None:
    come_in(dsn("hanako@r.example"), address_of(delivery), at=now)
    tasks.read_reports()
    assert state_of(delivery) == "bounced"


def test_a_bounce_by_message_id_alone_counts(delivery: Delivery, now: datetime) -> None:
    raw = dsn("hanako@r.example", message_id=composition.message_id(delivery.pk, "asagao.example"))
    come_in(raw, "postmaster@a.mail.example", at=now)
    read(now)
    assert Report.objects.get().matched_by == "message-id"
    assert state_of(delivery) == "bounced"


def test_a_forwarded_message_bounces_for_whom_we_sent_it_to(
    delivery: Delivery, now: datetime
) -> None:
    later = now + timedelta(days=1)
    come_in(dsn("h.new@phone.example"), address_of(delivery), at=later)
    read(later)
    row = Report.objects.get()
    assert (row.state, row.reason, row.recipient) == (
        "matched", "named-otherwise", "h.new@phone.example"
    )  # fmt: skip
    assert state_of(delivery) == "bounced"
    assert [one.key for one in Suppression.objects.all()] == ["hanako@r.example"]


def test_a_report_to_one_tenants_address_says_nothing_about_anothers_mail(
    delivery: Delivery, now: datetime
) -> None:
    botan = make_customer("Botan", SendingDomain.objects.get().pools.get())
    other = accepted(botan, "hanako@r.example", now)
    identity = composition.message_id(other.pk, "botan.example")
    come_in(dsn("hanako@r.example", message_id=identity), address_of(delivery), at=now)
    read(now)
    row = Report.objects.get()
    assert (row.delivery_id, row.customer_id) == (delivery.pk, delivery.customer_id)
    assert (state_of(delivery), state_of(other)) == ("bounced", "accepted")
    assert {one.customer_id for one in Suppression.objects.all()} == {delivery.customer_id}


@pytest.mark.parametrize(
    "kind", ["another-recipient", "forged-message-id", "forged-bounce-address"]
)
def test_a_forged_bounce_changes_nothing(delivery: Delivery, now: datetime, kind: str) -> None:
    genuine = composition.message_id(delivery.pk, "asagao.example")
    wrong = genuine.replace(genuine[genuine.index(".") + 1], "q" if "q" not in genuine else "z")
    token = address_of(delivery)
    token = token[:20] + ("q" if token[20] != "q" else "z") + token[21:]
    raw = {
        "another-recipient": dsn("victim@r.example", message_id=genuine),
        "forged-message-id": dsn("hanako@r.example", message_id=wrong),
        "forged-bounce-address": dsn("hanako@r.example").replace(
            b"To: bounce@mail.example", b"To: " + token.encode()
        ),
    }[kind]
    come_in(raw, "fbl@a.mail.example", at=now)
    read(now)
    row = Report.objects.get()
    assert (row.state, row.reason) == ("refused", kind)
    assert state_of(delivery) == "accepted"
    assert not Suppression.objects.exists()


def test_a_delay_changes_no_state(delivery: Delivery, now: datetime) -> None:
    raw = dsn("hanako@r.example", action="delayed", status="4.4.1", diagnostic="connect timed out")
    come_in(raw, address_of(delivery), at=now)
    read(now)
    row = Report.objects.get()
    assert (row.kind, row.state, row.status) == ("delayed", "matched", "4.4.1")
    assert state_of(delivery) == "accepted"


def test_a_complaint_without_a_recipient_is_found_by_what_it_quotes(
    delivery: Delivery, now: datetime
) -> None:
    come_in(complaint(returned=f"Return-Path: <{address_of(delivery)}>"), "fbl@a.example", at=now)
    identity = composition.message_id(delivery.pk, "asagao.example")
    come_in(complaint(returned=f"Message-ID: {identity}"), "fbl@a.example", at=now)
    read(now)
    rows = Report.objects.order_by("id")
    assert [row.kind for row in rows] == ["complaint", "complaint"]
    assert {row.delivery_id for row in rows} == {delivery.pk}
    assert {row.matched_by for row in rows} == {"bounce-address", "message-id"}
    assert sorted(row.reason for row in rows) == ["", "repeated"]
    assert state_of(delivery) == "accepted"


def test_an_opt_out_by_report_ends_that_customers_mail(delivery: Delivery, now: datetime) -> None:
    raw = complaint(returned=f"Return-Path: <{address_of(delivery)}>", kind="opt-out")
    come_in(raw, "fbl@a.mail.example", at=now)
    read(now)
    assert Report.objects.get().kind == "unsubscribe"
    found = Suppression.objects.get()
    assert (found.key, found.reason, found.customer_id) == (
        "hanako@r.example", "unsubscribed", delivery.customer_id
    )  # fmt: skip
    assert Contact.objects.get().status == "unsubscribed"


def test_bounces_and_complaints_go_on_to_the_consequences_once(
    asagao: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[list[int]] = []
    monkeypatch.setattr(consequences, "on_reports", lambda ids, now: called.append(list(ids)))
    first, second = (accepted(asagao, f"{name}@r.example", now) for name in ("a", "b"))
    for _ in range(2):
        come_in(dsn("a@r.example"), address_of(first), at=now)
    come_in(complaint(returned=f"Return-Path: <{address_of(second)}>"), "fbl@x.example", at=now)
    come_in(dsn("b@r.example", action="delayed", status="4.0.0"), address_of(second), at=now)
    assert read(now) == 4
    [ids] = called
    assert set(Report.objects.filter(id__in=ids).values_list("kind", flat=True)) == {
        "bounce", "complaint"
    }  # fmt: skip
    assert len(ids) == 2


def test_a_bounce_that_is_faster_than_the_record_waits(delivery: Delivery, now: datetime) -> None:
    settle(delivery, state="sending", reason="", at=now)
    come_in(dsn("hanako@r.example"), address_of(delivery), at=now)
    read(now)
    assert Report.objects.get().state == "new"
    settle(delivery, state="accepted", reason="accepted", at=now)
    assert read(now) == 0
    assert read(now + reports.PATIENCE) == 1
    assert state_of(delivery) == "bounced"


def test_what_is_about_nothing_of_ours_is_unmatched(asagao: Customer, now: datetime) -> None:
    come_in(b"Subject: hello\r\n\r\nIs anybody there?\r\n", "abuse@a.mail.example", at=now)
    read(now)
    row = Report.objects.get()
    assert (row.state, row.reason, row.kind) == ("unmatched", "names-no-delivery", "other")


def test_of_several_recipients_in_a_mail_ours_counts_and_each_has_a_row(
    delivery: Delivery, now: datetime
) -> None:
    extra = "Action: failed\r\nStatus: 5.2.2\r\n\r\nFinal-Recipient: rfc822; hanako@r.example\r\n"
    come_in(dsn("one.of.us@phone.example", extra=extra), address_of(delivery), at=now)
    read(now)
    first, second = Report.objects.order_by("mail_id")
    whole, further = (first, second) if first.mail_id is None else (second, first)
    assert further.mail_id == whole.pk
    assert not bytes(further.raw)
    assert {(row.recipient, row.reason) for row in (first, second)} == {
        ("one.of.us@phone.example", "repeated"), ("hanako@r.example", "")
    }  # fmt: skip
    assert state_of(delivery) == "bounced"


@pytest.mark.parametrize("raw", [b"", b"\0\xff\xfe", dsn("a\0b@r.example")])
def test_octets_that_make_no_sense_are_read_all_the_same(
    delivery: Delivery, now: datetime, raw: bytes
) -> None:
    come_in(raw, address_of(delivery), at=now)
    assert read(now) == 1
    assert Report.objects.get().state == "matched"
    assert state_of(delivery) == ("bounced" if b"Final-Recipient" in raw else "accepted")


def test_one_that_breaks_is_marked_and_the_others_are_read(
    asagao: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = (accepted(asagao, f"{name}@r.example", now) for name in ("good", "bad"))
    for one in (good, bad):
        come_in(dsn(one.address), address_of(one), at=now)

    def breaks(ids: list[int], now: datetime) -> None:
        if Report.objects.filter(id__in=ids, delivery_id=bad.pk).exists():
            raise ZeroDivisionError

    monkeypatch.setattr(consequences, "on_reports", breaks)
    assert read(now) == 2
    assert (state_of(good), state_of(bad)) == ("bounced", "accepted")
    row = Report.objects.get(state="failed")
    assert (row.reason, row.delivery_id) == ("reading-failed", None)


def test_nothing_is_marked_while_the_database_is_away(
    delivery: Delivery, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(ids: list[int], now: datetime) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(consequences, "on_reports", away)
    come_in(dsn("hanako@r.example"), address_of(delivery), at=now)
    with pytest.raises(OperationalError):
        read(now)
    assert Report.objects.get().state == "new"


@pytest.mark.django_db(transaction=True)
def test_readers_at_once_leave_nothing_and_count_nothing_twice(
    asagao: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    monkeypatch.setattr(consequences, "on_reports", lambda ids, now: counted.extend(ids))
    monkeypatch.setattr(reports, "BATCH", 3)
    made = [accepted(asagao, f"u{number}@r.example", now) for number in range(4)]
    for _ in range(5):
        for one in made:
            come_in(dsn(one.address), address_of(one), at=now)

    def work() -> None:
        try:
            read(now)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Report.objects.filter(state="matched").count() == 20
    assert len(counted) == len(made)
    assert {state_of(one) for one in made} == {"bounced"}
