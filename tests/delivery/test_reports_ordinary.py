"""Ordinary mail to a bounce address that reads like a bounce: it moves no delivery."""

from datetime import datetime

import pytest

from customers.models import Customer
from delivery import composition, intake_store
from delivery.intake_store import Received
from delivery.models import Delivery, Report
from tests.delivery.test_reports import accepted, address_of, read, state_of
from tests.support.intake import dsn

pytestmark = pytest.mark.django_db
SPAM = b"""\
From: MAILER-DAEMON@phish.example\r
Subject: failure notice\r
\r
Hi. <%s>: Sorry, no mailbox here by that name. (#5.1.1)\r
"""


@pytest.fixture
def delivery(asagao: Customer, now: datetime) -> Delivery:
    return accepted(asagao, "hanako@r.example", now)


def bring(raw: bytes, rcpt_to: str, *, sender: str, now: datetime) -> Report:
    intake_store.write([Received(now, "127.0.2.9", "mx.r.example", "", sender, rcpt_to, raw)])
    read(now)
    return Report.objects.get()


def test_spam_in_the_words_of_a_bounce_is_refused(delivery: Delivery, now: datetime) -> None:
    raw = SPAM.replace(b"%s", b"bob@victim.example")
    row = bring(raw, address_of(delivery), sender="spam@phish.example", now=now)
    assert (row.kind, row.state, row.reason) == ("bounce", "refused", "another-recipient")
    assert row.delivery_id == delivery.pk  # its page shows what was refused
    assert state_of(delivery) == "accepted"


@pytest.mark.parametrize(
    ("sender", "named"), [("", b"bob@victim.example"), ("m@r.example", b"hanako@r.example")]
)
def test_the_null_sender_or_our_recipient_is_believed(
    delivery: Delivery, now: datetime, sender: str, named: bytes
) -> None:
    raw = SPAM.replace(b"%s", named)
    assert bring(raw, address_of(delivery), sender=sender, now=now).state == "matched"
    assert state_of(delivery) == "bounced"


@pytest.mark.parametrize("quotes", [True, False])
def test_a_gateway_with_an_address_of_its_own_gives_our_message_back(
    delivery: Delivery, now: datetime, quotes: bool
) -> None:
    ours = composition.message_id(delivery.pk, "asagao.example") if quotes else ""
    raw = dsn("hanako@phone.example", message_id=ours)
    row = bring(raw, address_of(delivery), sender="mail@gateway.example", now=now)
    assert (row.reason, row.state == "matched") == (
        ("named-otherwise", True) if quotes else ("another-recipient", False)
    )
    assert state_of(delivery) == ("bounced" if quotes else "accepted")
