"""The operators' pages about replies, consequences and thresholds."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from compliance import standings, threshold_findings, thresholds
from compliance.models import Finding, Measure, Mode, Threshold
from compliance.thresholds import Figures, Limits
from customers.models import AuditEntry, Customer, Person
from delivery import consequences_policy, consequences_retention, counters, verdicts
from delivery.models import Attempt, ListingEvidence, OwnRule, Strike
from tests.customers.test_suppressions_pages import words
from tests.delivery.test_claims import make_due
from tests.delivery.test_consequences import LISTED, UNKNOWN, record
from tests.delivery.test_verdicts import odd_attempts

pytestmark = pytest.mark.django_db
Enter = Callable[[str], Client]
RULE = {"name": "loft", "words": "loft * closed to strangers", "category": "recipient-policy",
        "why": "seen today"}  # fmt: skip


@pytest.fixture(autouse=True)
def fresh_rules() -> Iterator[None]:
    yield
    verdicts._SHELF.book = None


@pytest.mark.parametrize(
    "path",
    [
        "/replies/",
        "/replies/consequences/",
        "/thresholds/",
        "/replies/rules/of/1/",
        "/replies/rules/of-report/1/",
    ],
)
def test_members_and_visitors_find_nothing(path: str, ada: Person, enter: Enter) -> None:
    assert enter("ada").get(path).status_code == 404
    assert Client().get(path).status_code == 302


def test_who_only_looks_changes_nothing(watcher: Person, enter: Enter) -> None:
    [attempt] = odd_attempts(1)
    rule = OwnRule.objects.create(name="loft", category="content", table={})
    client = enter("watcher")
    for path in ("/replies/", "/replies/consequences/", "/thresholds/"):
        main = client.get(path).content.decode().split("<main")[1]
        assert "<form" not in main
    for path in (
        f"/replies/rules/of/{attempt.pk}/", f"/replies/rules/{rule.pk}/withdraw/",
        "/replies/consequences/unknown-user/", "/thresholds/complaints/",
        "/thresholds/findings/1/apply/",
    ):  # fmt: skip
        assert client.post(path, {"why": "x"}).status_code == 403


def test_the_inbox_shows_shapes_with_counts(root: Person, enter: Enter) -> None:
    assert "Every reply of the last 7 days was understood" in words(enter("root").get("/replies/"))
    odd_attempts()
    text = words(enter("root").get("/replies/"))
    assert "550 the pigeon loft N is closed to strangers today" in text
    assert "today How often 3 while sending 3 From loft.example" in text
    assert "3 replies in 7 days" in text


def test_a_rule_is_tried_then_saved_then_withdrawn(root: Person, enter: Enter) -> None:
    attempt = odd_attempts()[2]
    client, path = enter("root"), f"/replies/rules/of/{attempt.pk}/"
    page = client.get(path).content.decode()
    assert 'value="is closed to strangers today"' in page
    assert "Save the rule" not in page
    tried = words(client.post(path, {**RULE, "try": "1"}))
    assert "3 of 3 failures" in tried
    assert "3 × The receiver gave another reason: see its reply → The recipient or" in tried
    assert "It takes no sample from another rule" in tried
    assert not OwnRule.objects.exists()
    client.post(path, {**RULE, "save": "1"})
    row = OwnRule.objects.get()
    assert (row.name, row.created_by, row.table["samples"][0]["mx"]) == (
        "loft", root, "mx1.loft.example"
    )  # fmt: skip
    shown = words(client.get("/replies/"))
    assert "Every reply of the last 7 days was understood" in shown
    assert "loft The recipient or its organisation refuses the mail" in shown
    withdraw = f"/replies/rules/{row.pk}/withdraw/"
    assert "give a reason" in words(client.post(withdraw, follow=True))
    client.post(withdraw, {"why": "wrong"})
    row.refresh_from_db()
    assert row.withdrawn_at is not None


def test_what_is_wrong_with_a_rule_is_said(root: Person, enter: Enter) -> None:
    attempt = odd_attempts()[2]
    client, path = enter("root"), f"/replies/rules/of/{attempt.pk}/"
    nothing = client.post(path, {**RULE, "words": "", "try": "1"})
    assert nothing.status_code == 400
    assert "by which words or expression" in words(nothing)
    slow = client.post(path, {**RULE, "regex": "(?=a)b", "try": "1"})
    assert (slow.status_code, "cannot look ahead" in words(slow)) == (400, True)
    huge = client.post(path, {**RULE, "regex": "a{4294967296}", "try": "1"})
    assert (huge.status_code, "The expression is too large" in words(huge)) == (400, True)
    bare = client.post(path, {**RULE, "words": "550", "try": "1"})
    assert (bare.status_code, "Bare numbers" in words(bare)) == (400, True)
    Attempt.objects.filter(pk=attempt.pk).update(text="5.1.1 user unknown", enhanced="5.1.1")
    greedy = {**RULE, "words": "user unknown", "save": "1"}
    assert "It would take" in words(client.post(path, greedy))
    assert client.post(path, {**greedy, "despite_conflicts": "on"}).status_code == 302
    taken = client.post(path, {**greedy, "despite_conflicts": "on"})
    assert "Another rule has this name" in words(taken)


def test_the_table_of_consequences_is_shown_and_changed(root: Person, enter: Enter) -> None:
    client, path = enter("root"), "/replies/consequences/unknown-user/"
    text = words(client.get("/replies/consequences/"))
    assert "unknown-user Dead addresses come back as spam traps" in text
    assert "Blamed the recipient Repeated if the reply is temporary" in text
    assert "Address suppressed after 1 failure (3 after the message) · that customer" in text
    assert "evidence of a listing kept to be sent again" in text
    values = {"scope": "everyone", "strikes": 2, "strikes_after_data": 4, "within_days": 30,
              "lasts_days": "", "why": "docomo"}  # fmt: skip
    given = {f"unknown-user-{name}": value for name, value in values.items()}
    assert client.post(path, {**given, "unknown-user-strikes": 0}).status_code == 400
    shown = words(client.post(path, given, follow=True))
    assert (
        "after 2 failures (4 after the message) · all customers within 30 days · for good" in shown
    )
    assert "changed here" in shown
    assert consequences_policy.current()["unknown-user"].strikes == 2
    assert AuditEntry.objects.get(verb="consequence.change").why == "docomo"
    assert client.post("/replies/consequences/ip-listed/", given).status_code == 404


def test_a_complaint_cannot_be_made_to_end_by_itself(root: Person, enter: Enter) -> None:
    values = {"scope": "customer", "strikes": 1, "strikes_after_data": 1, "within_days": 30,
              "lasts_days": 30, "why": "trial"}  # fmt: skip
    given = {f"complaint-{name}": value for name, value in values.items()}
    client, path = enter("root"), "/replies/consequences/complaint/"
    refused = client.post(path, given)
    assert (refused.status_code, "does not end by itself" in words(refused)) == (400, True)
    assert client.post(path, given | {"complaint-lasts_days": ""}).status_code == 302


def note(customer: Customer, mode: Mode = Mode.ASK) -> Finding:
    limits = Limits(0.02, 0.05, 0.10, minimum=100, hours=24, mode=mode)
    threshold_findings.note(
        customer=customer, measure=Measure.UNKNOWN_USERS,
        figures=Figures(150, 1000, timezone.now()), limits=limits, now=timezone.now(),
    )  # fmt: skip
    return Finding.objects.latest("id")


def test_findings_are_applied_and_taken_back(botan: Customer, root: Person, enter: Enter) -> None:
    client, found = enter("root"), note(botan)
    assert "Botan unknown users: 15 % 150 of 1,000 · threshold 10 % quarantine" in words(
        client.get("/thresholds/")
    )
    path = f"/thresholds/findings/{found.pk}/"
    assert "give a reason" in words(client.post(path + "apply/", follow=True))
    client.post(path + "apply/", {"why": "yes"})
    assert standings.of(botan).state == "quarantined"
    assert "others have decided since" in words(
        client.post(path + "dismiss/", {"why": "no"}, follow=True)
    )
    shown = words(client.post(path + "reverse/", {"why": "it was ours"}, follow=True))
    assert standings.of(botan).state == "normal"
    assert "taken back" in shown
    assert "it was ours" in shown
    dismissed = note(botan)
    client.post(f"/thresholds/findings/{dismissed.pk}/dismiss/", {"why": "a test"})
    dismissed.refresh_from_db()
    assert (dismissed.state, dismissed.decided_by) == ("dismissed", root)


def test_thresholds_are_set_for_all_and_for_one(
    botan: Customer, root: Person, enter: Enter
) -> None:
    client, path = enter("root"), "/thresholds/complaints/"
    assert "Gmail (0.1% / 0.3%)" in words(client.get("/thresholds/"))
    values = {"warn": 0.05, "watch": 0.2, "quarantine": 0.4, "minimum": 500, "hours": 48,
              "mode": "ask", "why": "contract"}  # fmt: skip
    given = {f"complaints-{name}": value for name, value in values.items()}
    bad = client.post(path, {**given, "complaints-watch": 0.01})
    assert (bad.status_code, "as high as the one before" in words(bad)) == (400, True)
    client.post(path, {**given, "complaints-customer": botan.pk})
    assert Threshold.objects.get().customer == botan
    client.post(path, given)
    limits = thresholds.limits_of(None)[Measure.COMPLAINTS]
    assert (limits.warn, limits.mode, limits.hours) == (0.0005, Mode.ASK, 48)
    text = words(client.get("/thresholds/"))
    assert "0.05 % / 0.2 % / 0.4 % 500 and more in 48 hours What happens ask first" in text
    assert "Botan: 0.05 % / 0.2 % / 0.4 %, ask first" in text


def test_pages_are_in_japanese_too(botan: Customer, root: Person, enter: Enter) -> None:
    root.language = "ja"
    root.save(update_fields=["language"])
    note(botan)
    odd_attempts()
    client = enter("root")
    assert "しきい値" in words(client.get("/thresholds/"))
    assert "判別できなかった応答" in words(client.get("/replies/"))
    assert "受信者自身の原因による失敗だけ" in words(client.get("/replies/consequences/"))
    assert "送信対象外のアドレス" in words(client.get("/suppressions/"))


@pytest.mark.parametrize("path", ["/replies/", "/replies/consequences/", "/thresholds/"])
def test_pages_ask_a_bounded_number_of_queries(
    path: str, botan: Customer, root: Person, enter: Enter, django_assert_max_num_queries: Any
) -> None:
    note(botan)
    odd_attempts(20)
    client = enter("root")
    with django_assert_max_num_queries(14):
        assert client.get(path).status_code == 200


def test_what_is_past_retention_is_forgotten_but_for_open_strikes() -> None:
    mailing = make_due(count=3)
    record(UNKNOWN, mailing=mailing, count=2)
    record(LISTED, mailing=mailing)
    counters.roll_up()
    Strike.objects.filter(key="user0@r.example").update(decayed_at=timezone.now())
    later = timezone.now() + timedelta(days=91)
    done = consequences_retention.forget(now=later, keep_days=90)
    assert (done.counts, done.evidence, done.strikes, done.closed) == (2, 1, 1, 0)
    assert not ListingEvidence.objects.exists()
    assert Strike.objects.get().key == "user1@r.example"


def test_what_speaks_against_a_rule_is_said_in_japanese(root: Person, enter: Enter) -> None:
    attempt = odd_attempts()[2]
    client, path = enter("root"), f"/replies/rules/of/{attempt.pk}/"
    Person.objects.filter(pk=root.pk).update(language="ja")
    Attempt.objects.filter(pk=attempt.pk).update(text="5.1.1 user unknown", enhanced="5.1.1")
    taken = words(client.post(path, {**RULE, "words": "user unknown", "try": "1"}))
    assert "ルール unknown-user から「" in taken
    slow = words(client.post(path, {**RULE, "regex": "(?=a)b", "try": "1"}))
    assert "「(?=」は使えません" in slow
    huge = words(client.post(path, {**RULE, "regex": "a{4294967296}", "try": "1"}))
    assert "正規表現が大きすぎます。500文字まで" in huge


def test_the_measured_reason_of_a_standing_is_in_the_readers_language(
    root: Person, enter: Enter
) -> None:
    botan = Customer.objects.create(name="Botan", slug="botan")
    figures = Figures(1200, 10_000, timezone.now())
    limits = thresholds.DEFAULTS[Measure.UNKNOWN_USERS]
    threshold_findings.note(
        customer=botan, measure=Measure.UNKNOWN_USERS, figures=figures, limits=limits,
        now=timezone.now(),
    )  # fmt: skip
    client = enter("root")
    assert "Unknown users: 12.00% (1,200 of 10,000)" in words(client.get(f"/customers/{botan.pk}/"))
    Person.objects.filter(pk=root.pk).update(language="ja")
    assert "12.00%（10,000件中1,200件）" in words(client.get(f"/customers/{botan.pk}/"))
