"""Pages of reports: operators see what came in, members only what is about their own mail."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from customers.models import Customer, Person
from delivery import composition, intake_store, reports, reports_found
from delivery.intake_store import Received
from delivery.models import Delivery, Report, SendingDomain
from tests.support.attempts import make_attempt, settle
from tests.support.intake import dsn
from tests.support.platform import make_list, make_mailing

pytestmark = pytest.mark.django_db

Enter = Callable[[str], Client]
HOSTILE = '550 5.1.1 <script>alert("x")</script> User unknown'


@pytest.fixture
def delivery(asagao: Customer) -> Delivery:
    """Accepted, then returned; beside it a mail that names nothing."""
    now = timezone.now()
    people = make_list(asagao, ["hanako@r.example"], attributes={"name": "花子"})
    made = Delivery.objects.get(mailing=make_mailing(asagao, people, now=now))
    make_attempt(made, at=now, verdict="accepted", category="accepted", code=250, text="2.0.0 ok")
    settle(made, state="accepted", reason="accepted", at=now)
    address = composition.envelope_sender(made.pk, SendingDomain.objects.get())
    come_in(dsn("hanako@r.example", diagnostic=f"smtp; {HOSTILE}"), address, now)
    come_in(
        b"Subject: =?x?\r\n\r\n\x1b$B$3$s$K$A$O\x1b(B <b>\r\n", "abuse@sakura.mail.example", now
    )
    reports.read_new(now=now, seconds=30)
    return made


def come_in(raw: bytes, rcpt_to: str, at: datetime) -> None:
    intake_store.write([Received(at, "127.0.2.9", "mx.r.example", "", "", rcpt_to, raw)])


def body(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_a_member_sees_what_came_back_but_not_the_mail(
    delivery: Delivery, enter: Enter, ada: Person
) -> None:
    page = body(enter("ada"), f"/deliveries/{delivery.pk}/")
    assert '<span class="pill pill-bad">bounce</span>' in page
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; User unknown" in page
    assert "<script>alert" not in page
    assert "See the mail" not in page
    assert "5.1.1" in page


def test_a_delivery_without_reports_says_so(asagao: Customer, enter: Enter, ada: Person) -> None:
    people = make_list(asagao, ["a@r.example"], attributes={"name": "x"})
    made = Delivery.objects.get(mailing=make_mailing(asagao, people, now=timezone.now()))
    page = body(enter("ada"), f"/deliveries/{made.pk}/")
    assert "No bounce, delay or complaint has come back." in page


@pytest.mark.parametrize("person", ["ada", "cleo"])
def test_members_find_no_page_of_reports(delivery: Delivery, enter: Enter, person: str) -> None:
    pk = Report.objects.filter(delivery_id=delivery.pk).values_list("pk", flat=True)[0]
    for path in ("/reports/", f"/reports/{pk}/", f"/reports/{pk}/raw/"):
        assert enter(person).get(path).status_code == 404
        assert Client().get(path)["Location"].startswith("/accounts/login/")


def test_operators_see_first_what_could_not_be_matched(
    delivery: Delivery, enter: Enter, watcher: Person
) -> None:
    page = body(enter("watcher"), "/reports/")
    assert "It names none of our messages" in page
    assert "hanako@r.example" not in page
    everything = body(enter("watcher"), "/reports/?state=&q=HANAKO@r.example")
    assert "hanako@r.example" in everything
    assert "It names none of our messages" not in everything
    assert "No report fits" in body(enter("watcher"), "/reports/?state=failed")


def test_a_filter_that_makes_no_sense_shows_everything(
    delivery: Delivery, enter: Enter, watcher: Person
) -> None:
    page = body(enter("watcher"), "/reports/?state=lost&before=x")
    assert "hanako@r.example" in page
    assert "abuse@sakura.mail.example" in page


def test_a_page_of_reports_leads_to_the_next_one(
    delivery: Delivery, enter: Enter, watcher: Person
) -> None:
    now = timezone.now()
    for number in range(51):
        come_in(b"Subject: x\r\n\r\n", f"abuse+{number}@sakura.mail.example", now)
    first = body(enter("watcher"), "/reports/?state=new")
    assert first.count("abuse+") == 50
    [oldest] = {row.pk for row in [Report.objects.filter(state="new").order_by("-id")[49]]}
    assert body(enter("watcher"), f"/reports/?state=new&before={oldest}").count("abuse+") == 1


def test_the_mail_of_a_report_is_shown_as_text_and_given_whole(
    delivery: Delivery, enter: Enter, watcher: Person
) -> None:
    found = Report.objects.get(state="unmatched")
    page = body(enter("watcher"), f"/reports/{found.pk}/")
    assert "こんにちは &lt;b&gt;" in page
    download = enter("watcher").get(f"/reports/{found.pk}/raw/")
    assert download.content == bytes(found.raw)
    assert download["Content-Disposition"] == f'attachment; filename="report-{found.pk}.eml"'
    assert download["Content-Type"] == "application/octet-stream"
    matched = Report.objects.get(state="matched")
    page = body(enter("watcher"), f"/reports/{matched.pk}/")
    assert f'href="/deliveries/{delivery.pk}/"' in page
    assert "by its bounce address, which we signed" in page


def test_the_search_leads_operators_to_the_reports(
    delivery: Delivery, enter: Enter, ada: Person, watcher: Person
) -> None:
    path = "/recipients/?q=hanako@r.example"
    assert 'href="/reports/?q=hanako%40r.example"' in body(enter("watcher"), path)
    assert "/reports/" not in body(enter("ada"), path)


def test_the_pages_are_in_japanese(delivery: Delivery, enter: Enter, watcher: Person) -> None:
    Person.objects.filter(pk=watcher.pk).update(language="ja")
    page = body(enter("watcher"), "/reports/")
    assert "照合不可" in page
    assert "当方のどのメールについてのものか示されていません" in page
    assert "返送" in body(enter("watcher"), f"/deliveries/{delivery.pk}/")


def test_a_further_report_of_a_mail_finds_it_at_the_first(delivery: Delivery) -> None:
    first = Report.objects.get(state="matched")
    further = Report(mail_id=first.pk)
    assert reports_found.raw_of(further) == bytes(first.raw)
    assert reports_found.raw_of(Report(mail_id=1)) == b""


def test_what_came_in_a_week_ago_is_not_counted_any_more(delivery: Delivery) -> None:
    counts = {tally.state: tally.total for tally in reports_found.tallies(now=timezone.now())}
    assert counts == {"new": 0, "matched": 1, "unmatched": 1, "refused": 0, "failed": 0}
    later = timezone.now() + timedelta(days=8)
    assert sum(tally.total for tally in reports_found.tallies(now=later)) == 0


def test_a_very_long_mail_is_cut_on_its_page(
    delivery: Delivery, enter: Enter, watcher: Person
) -> None:
    come_in(b"x" * 70_000 + b"the end", "abuse@sakura.mail.example", timezone.now())
    pk = Report.objects.get(state="new").pk
    page = body(enter("watcher"), f"/reports/{pk}/")
    assert "Only its beginning is shown" in page
    assert "the end" not in page
