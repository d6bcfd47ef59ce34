"""Hostile content and addresses at every entry: refused by name, or harmless at the receiver."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from customers import imports, lists
from customers.models import Basis, Contact, Customer, ImportRejection
from delivery import mailings
from delivery.drafts import Given, MailingRefused
from delivery.models import Attempt, Delivery, Mailing
from sandbox import store
from sandbox.internet import Sandbox
from sandbox.scenario import Record
from tests.support.platform import DRAFT, make_customer, make_list, make_mailing, make_pool

Work = Callable[[], int]

ADDRESSES = [
    "a@au-like.example\r\nRCPT TO:<x@au-like.example>",
    "a@au-like.example\nBcc: x@au-like.example",
    "a\r@au-like.example",
    "a\x00@au-like.example",
    "a\x7f@au-like.example",
    "a\u2028@au-like.example",
    "a b@au-like.example",
    "<a@au-like.example>",
    "a>@au-like.example",
    "a@au-like.example> SIZE=1",
    '"a\r\nb"@au-like.example',
    "a@au-like.example,b@au-like.example",
]


@pytest.fixture
def customer(transactional_db: None) -> Customer:
    return make_customer("Asagao", make_pool("A", "127.0.10.1", signed=True))


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("entry", ["given", "from_address", "reply_to"])
def test_a_mailing_with_such_an_address_is_refused_and_nothing_is_stored(
    entry: str, address: str, customer: Customer
) -> None:
    draft, given = replace(DRAFT, text="x"), [Given("a@au-like.example")]
    if entry == "given":
        given = [Given(address)]
    else:
        changes: dict[str, Any] = {entry: address}
        draft = replace(draft, **changes)
    with pytest.raises(MailingRefused) as caught:
        mailings.create(customer=customer, draft=draft, given=given, by="test", now=timezone.now())
    assert {problem.field for problem in caught.value.problems} == {
        "recipients" if entry == "given" else entry
    }
    assert not Mailing.objects.exists()


@pytest.mark.parametrize("address", ADDRESSES)
def test_such_an_address_comes_into_no_list(address: str, customer: Customer) -> None:
    news = make_list(customer, ["a@au-like.example"])
    with pytest.raises(lists.ListRefused):
        lists.add_contact(
            recipient_list=news, address=address, attributes={}, basis=Basis.OPT_IN, by="test",
            now=timezone.now(),
        )  # fmt: skip
    quoted = '"' + address.replace('"', '""') + '"'
    file = SimpleUploadedFile("a.csv", f"email\n{quoted}\n".encode("utf-8", "replace"))
    batch = imports.receive(
        recipient_list=news, file=file, basis=Basis.OPT_IN, by="test", now=timezone.now()
    )
    batch = imports.run(batch_id=batch.pk, now=timezone.now())
    rejected = ImportRejection.objects.filter(batch=batch).count()
    assert (batch.state, rejected) in {("done", 1), ("failed", 0)}  # NUL: no text file at all
    assert [contact.address for contact in Contact.objects.all()] == ["a@au-like.example"]


EVIL = "x\r\nBcc: victim@evil.example\r\n\r\n.\r\nMAIL FROM:<a@evil.example>\r\n"
HEADERS = {
    "dkim-signature", "from", "to", "subject", "date", "message-id", "mime-version", "content-type",
    "content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post", "x-note",
}  # fmt: skip


def test_no_field_of_a_mailing_or_value_of_a_recipient_can_add_a_header(
    customer: Customer, box: Sandbox, work: Work
) -> None:
    draft = replace(
        DRAFT, subject=f"{{{{ name }}}} {EVIL}", from_name=f"{{{{ name }}}} {EVIL}",
        text=f"{EVIL}\n.\n{{{{ name }}}}", headers=(("X-Note", "{{ name }}"),),
    )  # fmt: skip
    people = make_list(customer, ["hanako@au-like.example"], attributes={"name": EVIL})
    make_mailing(customer, people, now=timezone.now(), draft=draft)
    work()
    assert Delivery.objects.get().state == "accepted"
    stored = [one for one in box.store if "hanako@au-like.example" in one.recipients][-1]
    message = message_from_bytes(store.raw(stored), policy=default)
    assert {name.lower() for name in message} == HEADERS
    assert all(len(message.get_all(name, [])) == 1 for name in HEADERS)
    assert not [one for one in box.store if "evil.example" in one.mail_from]
    assert "victim@evil.example" in message["subject"]  # shown, on one line


@pytest.mark.parametrize(
    "header",
    [
        ("X-A\r\nBcc", "x"), ("X-A", "x\r\nBcc: y"), ("Bcc", "x@y.example"), ("X A", "x"),
        ("List-Unsubscribe", "<mailto:x@y.example>"), ("DKIM-Signature", "x"), ("X-A", "x\x00"),
    ],
)  # fmt: skip
def test_headers_that_would_be_more_than_themselves_are_refused(
    header: tuple[str, str], customer: Customer
) -> None:
    draft = replace(DRAFT, text="x", headers=(header,))
    with pytest.raises(MailingRefused):
        mailings.create(
            customer=customer, draft=draft, given=[Given("a@au-like.example")], by="test",
            now=timezone.now(),
        )  # fmt: skip


NOISE = b"550 5.1.1 \x00\xed\xa0\x80\xff\x1b[31m caf\xe9\r\n"


@contextmanager
def noisy_host(address: str, port: int) -> Iterator[None]:
    """Answers MAIL with octets that neither text nor database can hold."""

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            for reply in (b"220 \x00 hi\r\n", b"250-\x00\xff\r\n250 \x00\r\n", NOISE):
                connection.sendall(reply)
                connection.recv(4096)

    with socket.create_server((address, port)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield
        thread.join(timeout=5)


def test_a_hostile_reply_is_stored_and_the_other_deliveries_go_on(
    customer: Customer, work: Work, box: Sandbox
) -> None:
    """What no database can hold must not take the whole batch with it."""
    box.add_record(Record("noisy.example", "A", "127.0.9.9"))
    people = make_list(customer, ["a@noisy.example", "b@au-like.example"], attributes={"name": "x"})
    make_mailing(customer, people, now=timezone.now())
    with noisy_host("127.0.9.9", box.port):
        while work():
            pass
    states = dict(Delivery.objects.values_list("address", "state"))
    assert states == {"a@noisy.example": "refused", "b@au-like.example": "accepted"}
    attempt = Attempt.objects.get(address="a@noisy.example")
    assert (attempt.code, attempt.enhanced, attempt.category) == (550, "5.1.1", "unclassified")
    assert "\x00" not in attempt.conversation + attempt.text
