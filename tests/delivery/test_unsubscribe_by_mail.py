"""Opting out by mail: from the header of a mailing to the suppression, by the running intake."""

import email
import email.policy
import re
import smtplib
from typing import Any
from urllib.parse import unquote

import pytest
from django.utils import timezone

from customers import suppressions
from customers.models import Suppression
from delivery import composition, reports
from delivery.drafts import Draft
from delivery.models import Delivery, Report, SendingDomain
from tests.delivery.test_reports import accepted
from tests.support.intake import dsn, listening, session
from tests.support.platform import make_customer, make_list, make_mailing, make_pool

pytestmark = pytest.mark.django_db(transaction=True)
ASKS = b"From: someone@elsewhere.example\r\nTo: <%s>\r\nSubject: unsubscribe\r\n\r\n\r\n"


@pytest.fixture
def delivery(transactional_db: None) -> Delivery:
    customer = make_customer("Asagao", make_pool("A", "127.0.10.1"))
    return accepted(customer, "hanako@r.example", timezone.now())


def header_of(delivery: Delivery) -> str:
    """The List-Unsubscribe of its message, "" if there is none."""
    composer = composition.composer(delivery.mailing_id)
    recipient = composition.Recipient(
        delivery.pk, delivery.address, {"name": "x"}, delivery.queued_at,
        composition.unsubscribe_address(delivery.pk, SendingDomain.objects.get()),
    )  # fmt: skip
    octets = composer.message(recipient, (), now=timezone.now())
    message = email.message_from_bytes(octets, policy=email.policy.default)
    post = str(message["List-Unsubscribe-Post"] or "")
    assert (post == "List-Unsubscribe=One-Click") == ("List-Unsubscribe" in message)
    return str(message["List-Unsubscribe"] or "")


def address_of(delivery: Delivery) -> str:
    found = re.search(r"<mailto:(u-[a-z2-7]{29}@bounce\.a\.mail\.example)\?", header_of(delivery))
    assert found
    return found[1]


def mail(rcpt_to: str, octets: bytes) -> None:
    with listening() as intake, session(intake.port) as client:
        client.sendmail("someone@elsewhere.example", [rcpt_to], octets)
    reports.read_new(now=timezone.now(), seconds=30)


@pytest.fixture(autouse=True)
def published(settings: Any) -> None:
    settings.INTAKE_PORT = 0
    settings.INTAKE_NAME = "in.mail.example"


def test_one_click_comes_first_and_the_address_second(delivery: Delivery) -> None:
    first, second = header_of(delivery).split(", ")
    assert first.startswith("<http://127.0.0.1:8000/u/")
    token = re.escape(first[:-1].rpartition("/")[2])
    way = r"<mailto:u-.{29}@bounce\.a\.mail\.example\?subject=unsubscribe%20" + token + ">"
    assert re.fullmatch(way, second)


def test_an_intake_without_a_public_name_is_not_offered(delivery: Delivery, settings: Any) -> None:
    settings.INTAKE_NAME = ""
    assert "mailto" not in header_of(delivery)


def test_a_letter_of_business_offers_no_way_to_leave(delivery: Delivery) -> None:
    draft = Draft(subject="s", from_address="news@asagao.example", text="x", kind="transactional")
    people = make_list(delivery.customer, ["taro@r.example"], name="two", attributes={"name": "x"})
    mailing = make_mailing(delivery.customer, people, now=timezone.now(), draft=draft)
    assert header_of(Delivery.objects.get(mailing=mailing)) == ""


@pytest.mark.parametrize("words", [ASKS, b"From: h@x.example\r\nSubject: hm\r\n\r\nstop it\r\n"])
def test_a_mail_to_the_address_ends_the_mail(delivery: Delivery, words: bytes) -> None:
    address = address_of(delivery)
    mail(address, words.replace(b"%s", address.encode()))
    row = Report.objects.get()
    assert (row.kind, row.state, row.matched_by) == (
        "unsubscribe", "matched", "unsubscribe-address"
    )  # fmt: skip
    found = Suppression.objects.get()
    assert (found.key, found.reason, found.customer_id) == (
        "hanako@r.example", "unsubscribed", delivery.customer_id
    )  # fmt: skip
    assert found.evidence == {"mailing": delivery.mailing_id, "channel": "mail"}


def subject_of(delivery: Delivery) -> bytes:
    """What a mail program writes as the subject, from the header."""
    found = re.search(r"subject=([^>]+)>", header_of(delivery))
    assert found
    return unquote(found[1]).encode()


@pytest.mark.parametrize("rcpt_to", ["", "unsubscribe@bounce.a.mail.example"])
@pytest.mark.parametrize("before", [b"", b"Re: "])
def test_an_opt_out_holds_when_its_delivery_is_long_gone(
    delivery: Delivery, rcpt_to: str, before: bytes
) -> None:
    address, subject = rcpt_to or address_of(delivery), subject_of(delivery)
    Delivery.objects.all().delete()
    mail(address, b"From: x@x.example\r\nSubject: " + before + subject + b"\r\n\r\n")
    row = Report.objects.get()
    assert (row.state, row.reason, row.matched_by) == ("matched", "", "unsubscribe-link")
    assert (row.customer_id, row.delivery_id) == (delivery.customer_id, None)
    found = Suppression.objects.get()
    assert (found.key, found.customer_id) == ("hanako@r.example", delivery.customer_id)


def test_an_opt_out_that_names_nobody_any_more_waits_for_a_person(delivery: Delivery) -> None:
    address = address_of(delivery)
    Delivery.objects.all().delete()
    mail(address, ASKS.replace(b"%s", address.encode()))
    row = Report.objects.get()
    assert (row.kind, row.state, row.reason) == ("unsubscribe", "unmatched", "opt-out-by-hand")


def test_who_came_back_by_consent_can_leave_again(delivery: Delivery) -> None:
    address = address_of(delivery)
    asks = ASKS.replace(b"%s", address.encode())
    mail(address, asks)
    suppressions.lift(
        suppression=Suppression.objects.get(), why="came back", by="t", now=timezone.now(),
        consent="by phone",
    )  # fmt: skip
    mail(address, asks)
    assert Suppression.objects.active().count() == 1


def test_a_forged_address_is_refused_at_the_door_and_behind_it(delivery: Delivery) -> None:
    address = address_of(delivery)
    forged = address[:20] + ("q" if address[20] != "q" else "z") + address[21:]
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        mail(forged, ASKS.replace(b"%s", forged.encode()))
    mail("unsubscribe@a.mail.example", ASKS.replace(b"%s", forged.encode()))
    row = Report.objects.get()
    assert (row.kind, row.state, row.reason) == (
        "unsubscribe", "refused", "forged-bounce-address"
    )  # fmt: skip
    assert not Suppression.objects.exists()


def test_a_bounce_to_that_address_is_not_believed(delivery: Delivery) -> None:
    mail(address_of(delivery), dsn("hanako@r.example"))
    assert (Report.objects.get().kind, Report.objects.get().state) == ("bounce", "unmatched")
    assert Delivery.objects.get().state == "accepted"
