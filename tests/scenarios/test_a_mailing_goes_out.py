"""The main job: a mailing leaves through its pool, arrives as written, every outcome is kept."""

import email
import email.policy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dkim
import pytest
from django.utils import timezone

from customers.models import Customer
from delivery import composition
from delivery.models import Attempt, Delivery, DkimKey, Pool
from sandbox import store
from sandbox.internet import Sandbox
from tests.support.platform import DRAFT, make_list, make_mailing, make_pool

Work = Callable[[], int]


@pytest.fixture
def pool(transactional_db: None) -> Pool:
    return make_pool("A", "127.0.10.1", "127.0.10.2", signed=True)


def stored(box: Sandbox, mailing_id: int) -> dict[str, store.Stored]:
    """Recipient -> message, for the deliveries of one mailing."""
    ids = set(Delivery.objects.filter(mailing_id=mailing_id).values_list("id", flat=True))
    found = (message for message in store.read(box.directory)
             if composition.read_message_id(message.message_id) in ids)  # fmt: skip
    return {message.recipients[0]: message for message in found}


def test_accepted_mail_arrives_from_the_pools_addresses_only(
    customer: Customer, box: Sandbox, work: Work
) -> None:
    addresses = [f"user{number}@corporate.example" for number in range(30)]
    mailing = make_mailing(
        customer, make_list(customer, addresses, attributes={"name": "花子"}), now=timezone.now()
    )
    while work():
        pass
    arrived = stored(box, mailing.pk)
    assert set(arrived) == set(addresses)
    assert {message.peer for message in arrived.values()} <= {"127.0.10.1", "127.0.10.2"}
    assert {message.helo for message in arrived.values()} <= {
        "out0.a.mail.example", "out1.a.mail.example"
    }  # fmt: skip
    assert set(Delivery.objects.values_list("state", flat=True)) == {"accepted"}
    mailing.refresh_from_db()
    assert mailing.state == "done"


def test_mail_arrives_as_it_was_written_and_its_signature_verifies(
    customer: Customer, box: Sandbox, work: Work, settings: Any
) -> None:
    settings.INTAKE_NAME = "in.mail.example"
    draft = replace(DRAFT, html="<p>{{ name }}さん、こんにちは</p>")
    people = make_list(customer, ["hanako@corporate.example"], attributes={"name": "<花子>"})
    mailing = make_mailing(customer, people, now=timezone.now(), draft=draft)
    work()
    [message] = stored(box, mailing.pk).values()
    data = store.raw(message)
    parsed = email.message_from_bytes(data, policy=email.policy.default)
    assert parsed["Subject"] == DRAFT.subject
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert text is not None
    assert text.get_content().startswith("<花子>へ")
    assert html is not None
    assert "&lt;花子&gt;さん、こんにちは" in html.get_content()
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link, address = str(parsed["List-Unsubscribe"]).split(", ")
    assert link.startswith("<http://127.0.0.1:8000/u/")
    by_mail = r"<mailto:u-[a-z2-7]{29}@bounce\..*\?subject=unsubscribe%20[\w-]+>"
    assert re.fullmatch(by_mail, address)
    key = DkimKey.objects.get()
    record = dkim_record(key)
    assert dkim.verify(data, dnsfunc=lambda name, timeout=5: record)


def dkim_record(key: DkimKey) -> bytes:
    from wire import dkim as ours

    return ours.dns_record(key.private_key).encode()


def test_addresses_that_break_the_dot_rules_are_sent(
    customer: Customer, box: Sandbox, work: Work
) -> None:
    odd = ["a..b@docomo.ne.jp", "end.@docomo.ne.jp", "x..y@au.com"]
    mailing = make_mailing(
        customer, make_list(customer, odd, attributes={"name": "x"}), now=timezone.now()
    )
    while work():
        pass
    assert set(Delivery.objects.values_list("state", flat=True)) == {"accepted"}
    assert len(stored(box, mailing.pk)) == 3


@pytest.mark.parametrize(
    ("address", "state", "reason"),
    [
        ("unknown-1@corporate.example", "refused", "unknown-user"),
        ("full-1@corporate.example", "deferred", "mailbox-full"),
        ("a@null-mx.example", "refused", "null-mx"),
        ("a@nowhere.example", "refused", "no-such-domain"),
        ("a@servfail.example", "deferred", "dns-failure"),
        ("a@dropping.example", "deferred", "connection-lost"),
        ("a@implicit.example", "accepted", "accepted"),
        ("a@日本語.example", "accepted", "accepted"),
        ("a@broken-tls.example", "accepted", "accepted"),
        ("花子@corporate.example", "refused", "smtputf8-not-offered"),
        ("花子@日本語.example", "accepted", "accepted"),
        ("a@gmail-like.example", "accepted", "accepted"),
    ],
)
def test_each_receiver_gives_its_named_state(
    customer: Customer, work: Work, address: str, state: str, reason: str
) -> None:
    recipients = make_list(customer, [address], attributes={"name": "x"})
    make_mailing(customer, recipients, now=timezone.now())
    work()
    row = Delivery.objects.get()
    assert (row.state, row.reason) == (state, reason)
    attempt = Attempt.objects.get()
    assert attempt.conversation
    assert attempt.source in {"127.0.10.1", "127.0.10.2"}
