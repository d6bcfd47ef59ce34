"""Replies that reports quote: judged by the operators' rules, shown beside those of attempts."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from customers.models import Person
from delivery import composition, intake_store, reports, verdict_heard, verdict_inbox, verdicts
from delivery.intake_store import Received
from delivery.models import Delivery, OwnRule, Report, SendingDomain
from delivery.verdict_heard import Source
from delivery.verdict_rules import trial
from tests.customers.test_suppressions_pages import words
from tests.delivery.test_claims import make_due
from tests.delivery.test_verdicts import ODD, RULE, odd_attempts, save
from tests.support.attempts import make_attempt, settle
from tests.support.intake import dsn
from wire import replies

pytestmark = pytest.mark.django_db
SAID = f"smtp; 550 {ODD.format(4)} (in reply to RCPT TO command)"


@pytest.fixture(autouse=True)
def fresh_rules() -> Iterator[None]:
    verdicts._SHELF.book = None
    yield
    verdicts._SHELF.book = None


def come_back(diagnostic: str = SAID, *, status: str = "5.0.0") -> Report:
    """A bounce of a message that a host took, read as a worker reads it."""
    now = timezone.now()
    mailing = make_due("Asagao" + "x" * Delivery.objects.count(), count=1)
    delivery = Delivery.objects.get(mailing=mailing)
    make_attempt(delivery, at=now, verdict="accepted", category="accepted", code=250, text="ok")
    settle(delivery, state="accepted", reason="accepted", at=now)
    raw = dsn(delivery.address, diagnostic=diagnostic, status=status)
    sender = composition.envelope_sender(delivery.pk, SendingDomain.objects.order_by("id")[0])
    intake_store.write([Received(now, "127.0.2.9", "mx.r.example", "", "", sender, raw)])
    reports.read_new(now=now, seconds=30)
    return Report.objects.get(delivery_id=delivery.pk)


def inbox() -> list[verdict_inbox.Shape]:
    book = replies.shipped().with_own(verdicts.own_rules())
    return verdict_inbox.shapes(book, since=timezone.now() - timedelta(days=1))


def test_a_rule_of_our_own_judges_what_reports_say_from_then_on() -> None:
    before = come_back()
    save()
    after = come_back()
    assert (before.category, before.rule) == ("unclassified", "")
    assert (after.category, after.rule, after.blamed) == (
        "recipient-policy", "own-loft", "recipient"
    )  # fmt: skip
    assert inbox() == []


def test_reports_and_attempts_that_say_the_same_are_one_shape() -> None:
    odd_attempts(2)
    report = come_back()
    [found] = inbox()
    assert found.text == f"550 {ODD.format('N')}"
    assert (found.count, found.heard) == (3, [(Source.ATTEMPT, 2), (Source.REPORT, 1)])
    assert (found.example.source, found.example.id) == (Source.REPORT, report.pk)
    assert found.providers == ["loft.example", "r.example"]


def test_what_was_not_believed_is_not_in_the_inbox() -> None:
    come_back()
    Report.objects.update(state="refused")
    assert inbox() == []


def test_a_trial_looks_at_reports_too() -> None:
    come_back()
    found = trial(RULE, now=timezone.now())
    assert (found.tried, found.changes) == (1, {("unclassified", "recipient-policy"): 1})


def test_what_the_words_around_a_diagnostic_told_stays_as_it_was() -> None:
    come_back()
    Report.objects.update(category="mailbox-full")
    heard = verdict_heard.of_report(Report.objects.get())
    assert verdict_heard.classified(heard, replies.shipped()) == "mailbox-full"


@pytest.mark.parametrize(("status", "code"), [("4.0.0", "450"), ("5.0.0", "550")])
def test_a_sample_without_a_code_begins_with_the_class_of_its_status(
    status: str, code: str
) -> None:
    heard = verdict_heard.of_report(come_back("X-Postfix; the loft is shut", status=status))
    assert verdict_heard.sample_of(heard)["reply"] == f"{code} the loft is shut"


def test_a_rule_is_made_of_a_report(root: Person, enter: Callable[[str], Client]) -> None:
    report = come_back()
    client, path = enter("root"), f"/replies/rules/of-report/{report.pk}/"
    assert f'href="{path}"' in client.get("/replies/").content.decode()
    assert "550 the pigeon loft 4 is closed to strangers today" in words(client.get(path))
    given = {"name": "loft", "words": "loft * closed", "category": "content", "why": "seen"}
    assert "1 of 1 failure of the last 7 days" in words(client.post(path, {**given, "try": "1"}))
    client.post(path, {**given, "save": "1"})
    assert OwnRule.objects.get().table["samples"] == [
        {"reply": f"550 {ODD.format(4)}", "phase": "rcpt", "mx": "store.r.example"}
    ]
    Report.objects.update(diagnostic="")
    assert client.get(path).status_code == 404
