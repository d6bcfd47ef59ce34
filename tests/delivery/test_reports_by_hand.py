"""An opt-out by mail whose delivery is gone: an operator ends the mail that it may have meant."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from customers.models import AuditEntry, Contact, Customer, Person, Suppression
from delivery import composition, reports, reports_by_hand
from delivery.models import Delivery, Report, SendingDomain
from tests.delivery.test_reports import accepted, come_in
from tests.support.platform import make_list

pytestmark = pytest.mark.django_db
Enter = Callable[[str], Client]


def opt_out(delivery: Delivery, settings: Any, *, writer: str) -> Report:
    """Long after its delivery is gone, without the token in the subject."""
    settings.INTAKE_NAME = "in.mail.example"
    address = composition.unsubscribe_address(delivery.pk, SendingDomain.objects.get())
    Delivery.objects.all().delete()
    now = timezone.now()
    come_in(f"From: {writer}\r\nSubject: no more\r\n\r\n".encode(), address, at=now)
    reports.read_new(now=now, seconds=30)
    return Report.objects.get()


@pytest.fixture
def waiting(asagao: Customer, botan: Customer, settings: Any) -> Report:
    make_list(botan, ["other@r.example"], attributes={"name": "x"})
    delivery = accepted(asagao, "hanako@r.example", timezone.now())
    return opt_out(delivery, settings, writer="Hanako@R.example")


def test_all_who_know_the_address_stop_with_one_click(
    waiting: Report, asagao: Customer, enter: Enter, root: Person
) -> None:
    client, path = enter("root"), f"/reports/{waiting.pk}/"
    page = client.get(path).content.decode()
    assert "a person has to follow it" in page
    assert f'action="{path}opt-out/"' in page
    done = client.post(f"{path}opt-out/", follow=True).content.decode()
    assert f"Ended: the mail of {asagao.name} to it." in done
    assert "An opt-out that a person has followed" in done
    assert "End their mail" not in done
    found = Suppression.objects.get()
    assert (found.customer_id, found.key, found.reason) == (
        asagao.pk, "hanako@r.example", "unsubscribed"
    )  # fmt: skip
    assert Contact.objects.get(key="hanako@r.example").status == "unsubscribed"


def test_it_is_done_once_and_the_log_knows_by_whom(waiting: Report, asagao: Customer) -> None:
    now = timezone.now()
    assert reports_by_hand.honour(report_id=waiting.pk, by="test", now=now) == [asagao]
    assert reports_by_hand.honour(report_id=waiting.pk, by="test", now=now) == []
    entry = AuditEntry.objects.get(verb="report.honour")
    assert (entry.customer_id, entry.by, entry.after) == (asagao.pk, "test", "hanako@r.example")


@pytest.mark.parametrize("writer", ["stranger@x.example", "nobody at all"])
def test_an_address_in_no_list_stays_for_a_person(
    asagao: Customer,
    settings: Any,
    enter: Enter,
    root: Person,
    writer: str,
) -> None:
    report = opt_out(accepted(asagao, "hanako@r.example", timezone.now()), settings, writer=writer)
    client = enter("root")
    assert "no list has the address" in client.get(f"/reports/{report.pk}/").content.decode()
    client.post(f"/reports/{report.pk}/opt-out/")
    assert Report.objects.get().state == "unmatched"
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(("person", "status"), [("ada", 404), ("cleo", 404), ("watcher", 403)])
def test_others_cannot(
    waiting: Report, enter: Enter, request: pytest.FixtureRequest, person: str, status: int
) -> None:
    request.getfixturevalue(person)
    path = f"/reports/{waiting.pk}/opt-out/"
    assert enter(person).post(path).status_code == status
    assert Client().post(path)["Location"].startswith("/accounts/login/")
    assert not Suppression.objects.exists()
