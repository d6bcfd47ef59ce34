"""Accepted, then returned: the bounce comes by SMTP, finds its delivery, and the books balance."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from customers.models import Customer, Person, Suppression
from delivery import reconcile, reports
from delivery.models import Attempt, Delivery, Mailing, Report
from sandbox.internet import Sandbox
from tests.support.intake import Listener, listening
from tests.support.platform import make_customer, make_list, make_mailing, make_pool
from tests.support.workers import wait_until

pytestmark = pytest.mark.scenario

Work = Callable[[], int]
ADDRESSES = ["gone@late-bounce.example", "full-1@late-bounce.example", "here@corporate.example"]


@pytest.fixture
def intake(box: Sandbox, settings: Any, transactional_db: None) -> Iterator[Listener]:
    settings.INTAKE_PORT = 0
    with listening() as listener:
        box.send_bounces_to(("127.0.0.1", listener.port))
        yield listener
        box.send_bounces_to(None)


@pytest.fixture
def customer(transactional_db: None) -> Customer:
    return make_customer("Asagao", make_pool("A", "127.0.10.1"))


@pytest.fixture
def mailing(customer: Customer, work: Work, intake: Listener) -> Mailing:
    """Everything was accepted, and what bounces has come back and was read."""
    people = make_list(customer, ADDRESSES, attributes={"name": "花子"})
    made = make_mailing(customer, people, now=timezone.now())
    while work():
        pass
    assert set(Delivery.objects.values_list("state", flat=True)) == {"accepted"}
    wait_until(lambda: Report.objects.count() == 2, seconds=15)
    reports.read_new(now=timezone.now(), seconds=30)
    return made


def test_what_a_host_returns_becomes_bounced_with_its_reason(mailing: Mailing) -> None:
    rows = {row.address: (row.state, row.reason) for row in Delivery.objects.all()}
    assert rows == {
        "gone@late-bounce.example": ("bounced", "unknown-user"),
        "full-1@late-bounce.example": ("bounced", "mailbox-full"),
        "here@corporate.example": ("accepted", "accepted"),
    }
    for report in Report.objects.all():
        attempt = Attempt.objects.get(pk=report.attempt_id or 0)
        assert (attempt.delivery_id, attempt.verdict) == (report.delivery_id, "accepted")
        assert report.peer == "127.0.4.1"
    mailing.refresh_from_db()
    assert mailing.state == "done"


def test_the_books_balance_after_late_bounces(mailing: Mailing) -> None:
    books = reconcile.books()
    assert (books.states["bounced"], books.states["accepted"], books.balance) == (2, 1, True)
    assert len(list(reconcile.accepted())) == 3


def test_only_who_does_not_exist_is_suppressed(mailing: Mailing) -> None:
    assert list(Suppression.objects.values_list("key", flat=True)) == ["gone@late-bounce.example"]


def test_the_pages_tell_both_that_it_was_taken_and_that_it_came_back(
    mailing: Mailing, root: Person, client_for: Callable[[Person], Client]
) -> None:
    client = client_for(root)
    delivery = Delivery.objects.get(address=ADDRESSES[0])
    page = client.get(f"/deliveries/{delivery.pk}/").content.decode()
    assert '<span class="pill pill-bad">bounced</span>' in page
    assert '<span class="pill pill-good">accepted</span>' in page
    assert "Recipient address rejected: User unknown" in page
    of_mailing = client.get(f"/mailings/{mailing.pk}/").content.decode()
    assert '<span class="pill pill-bad">bounced</span>' in of_mailing
