"""Reports whose reading broke are read again: by verb, on their page, from the shell."""

from collections.abc import Callable
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from customers.models import AuditEntry, Customer, Person
from delivery import composition, reports, reports_again
from delivery.models import Delivery, Report
from tests.delivery.test_reports import accepted, address_of, come_in
from tests.support.intake import dsn

pytestmark = pytest.mark.django_db
Enter = Callable[[str], Client]


@pytest.fixture
def delivery(asagao: Customer) -> Delivery:
    return accepted(asagao, "hanako@r.example", timezone.now())


@pytest.fixture
def failed(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> Report:
    """A bounce that could not be read while something was broken."""
    now = timezone.now()
    come_in(dsn("hanako@r.example"), address_of(delivery), at=now)
    with monkeypatch.context() as broken:
        broken.setattr(composition, "leaving", lambda _address: 1 / 0)
        reports.read_new(now=now, seconds=30)
    found = Report.objects.get()
    assert (found.state, found.reason) == ("failed", "reading-failed")
    return found


def test_what_was_mended_is_read_and_has_its_consequences(
    failed: Report, delivery: Delivery
) -> None:
    now = timezone.now()
    assert reports_again.read_again(by="test", now=now) == [failed.pk]
    reports.read_new(now=now, seconds=30)
    row = Report.objects.get()
    assert (row.state, row.reason, row.kind) == ("matched", "", "bounce")
    assert Delivery.objects.get().state == "bounced"
    entry = AuditEntry.objects.get(verb="report.again")
    assert (entry.subject, entry.by) == (f"report:{failed.pk}", "test")


def test_what_has_not_failed_is_left_alone(failed: Report, now: datetime) -> None:
    assert reports_again.read_again(by="test", now=now, only=[failed.pk + 1]) == []
    Report.objects.update(state="matched")
    assert reports_again.read_again(by="test", now=now) == []
    assert not AuditEntry.objects.filter(verb="report.again").exists()


@pytest.mark.parametrize("given", [[], ["the id"]])
def test_the_command_tells_how_many(failed: Report, given: list[str]) -> None:
    out = StringIO()
    call_command("reread_reports", *[str(failed.pk) for _ in given], stdout=out)
    assert out.getvalue() == "Reports to be read again: 1.\n"
    assert Report.objects.get().state == "new"


def path_in(page: str, words: str) -> str:
    """Where the form with that button leads."""
    form = next(part for part in page.split("<form")[1:] if words in part.split("</form>")[0])
    return form.partition('action="')[2].partition('"')[0]


def test_an_operator_has_one_read_again(failed: Report, enter: Enter, root: Person) -> None:
    client = enter("root")
    path = path_in(client.get(f"/reports/{failed.pk}/").content.decode(), "Read it again")
    page = client.post(path, follow=True).content.decode()
    assert "It will be read again in a moment." in page
    assert "Read it again" not in page
    assert Report.objects.get().state == "new"
    client.post(path)
    assert AuditEntry.objects.filter(verb="report.again").count() == 1


def test_an_operator_has_all_read_again(failed: Report, enter: Enter, root: Person) -> None:
    client = enter("root")
    path = path_in(client.get("/reports/").content.decode(), "Read failed ones again")
    assert "1 report will be read again." in client.post(path, follow=True).content.decode()
    assert "Read failed ones again" not in client.get("/reports/").content.decode()


@pytest.mark.parametrize(("person", "status"), [("ada", 404), ("cleo", 404), ("watcher", 403)])
def test_others_cannot(
    failed: Report, enter: Enter, request: pytest.FixtureRequest, person: str, status: int
) -> None:
    request.getfixturevalue(person)
    for path in (f"/reports/{failed.pk}/again/", "/reports/again/"):
        assert enter(person).post(path).status_code == status
        assert Client().post(path)["Location"].startswith("/accounts/login/")
    assert Report.objects.get().state == "failed"


def test_who_only_watches_sees_no_button(failed: Report, enter: Enter, watcher: Person) -> None:
    for path in (f"/reports/{failed.pk}/", "/reports/"):
        page = enter("watcher").get(path).content.decode()
        assert "again</button>" not in page
