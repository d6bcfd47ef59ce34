"""The senders' set-up: what is looked at, what is kept of it, runs, and the command."""

import json
from datetime import timedelta
from io import StringIO
from typing import cast

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from blacklist import health, health_figures, tasks
from blacklist.health_difference import Part, pieces
from blacklist.health_words import SENTENCES, sentence
from blacklist.models import SetupCheck, SetupKind, SetupRun
from delivery import platform_dns, platform_store
from delivery.models import DkimKey
from sandbox.internet import Sandbox
from sandbox.scenario import Host, Record, RecordType, Scenario
from tests.support.platform import make_ip, make_pool

pytestmark = pytest.mark.django_db

DOMAIN = "sakura.mail.example"
HOST = Host("mx.r.example", "127.0.4.200")  # a box has one at least


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


@pytest.fixture
def pool():
    return make_pool("Sakura", "127.0.10.1", "127.0.10.2", signed=True)


@pytest.fixture
def dns(settings):
    """Serves records; a name in `faults` fails."""

    def serve(records=(), faults=None):
        wrong = dict(faults or {})
        box = Sandbox(Scenario((HOST,), {}, records=tuple(records), faults=wrong))
        opened.append(box.__enter__())
        settings.DNS_SERVERS = [box.dns]

    opened: list[Sandbox] = []
    yield serve
    for box in opened:
        box.__exit__(None, None, None)


def published():
    """Everything that the platform should publish, MTA-STS excepted, and the MX host's address."""
    for plan in health.plans():
        yield Record(plan.mx, "A", "127.0.0.1")
        for check in plan.checks:
            if check.kind is not SetupKind.MTA_STS:
                kind = cast("RecordType", check.record.type)
                yield Record(check.record.name, kind, check.expected)


def look(now=None):
    moment = now or timezone.now()
    run = health.begin(by="test", now=moment)
    assert health.carry_out(run_id=run.pk, now=moment)
    return {(row.kind, row.name): row for row in health_figures.stored()}


def test_what_is_looked_at_is_what_platform_dns_prints_and_mta_sts(pool):
    intake = platform_dns.Intake("", "127.0.0.1", 25)
    zone = platform_dns.zones(platform_store.stored(), intake=intake)[0]
    (plan,) = health.plans()
    own = [str(check.record) for check in plan.checks]
    assert own[:-1] == [str(record) for record in zone.records]
    assert plan.checks[-1].kind is SetupKind.MTA_STS
    assert {check.ip for check in plan.checks if check.ip} == {"127.0.10.1", "127.0.10.2"}


def test_a_platform_that_publishes_everything_is_well(pool, dns):
    dns(published())
    rows = look()
    wrong = {key: row.problems for key, row in rows.items() if row.verdict != "ok"}
    assert list(wrong) == [("mta-sts", f"_mta-sts.bounce.{DOMAIN}")]
    assert health_figures.summary(rows.values()).is_well


def test_an_ip_that_spf_forgets_is_wrong_with_the_record_to_publish(pool, dns):
    records = list(published())
    make_ip(pool, "127.0.10.3", helo="out3.sakura.mail.example")
    dns(records)
    rows = look()
    spf = rows["spf", f"bounce.{DOMAIN}"]
    assert (spf.verdict, spf.problems) == ("wrong", [["spf-fail", "127.0.10.3"]])
    assert spf.record == [
        f'bounce.{DOMAIN}. IN TXT "v=spf1 ip4:127.0.10.1 ip4:127.0.10.2 ip4:127.0.10.3 -all"'
    ]
    assert rows["ptr", "3.10.0.127.in-addr.arpa"].verdict == "missing"
    summary = health_figures.summary(rows.values())
    assert (summary.wrong, summary.missing, summary.unknown) == (1, 2, 0)
    assert str(summary) == "Of 12 checks: 1 wrong, 2 missing. 1 optional record is not there."


def test_no_answer_is_unknown_and_the_last_answer_is_kept(pool, dns, now):
    dns(published())
    look(now)
    later = now + timedelta(days=1)
    dns(published(), faults={f"_dmarc.{DOMAIN}": "servfail"})
    row = look(later)["dmarc", f"_dmarc.{DOMAIN}"]
    assert (row.verdict, row.since, row.settled, row.settled_at) == ("unknown", later, "ok", now)
    assert not row.needs_work
    assert "1 without an answer" in str(health_figures.summary([row]))


def test_since_is_when_the_verdict_changed(pool, dns, now):
    dns()
    look(now)
    row = look(now + timedelta(days=1))["dmarc", f"_dmarc.{DOMAIN}"]
    assert (row.verdict, row.since, row.checked_at) == ("missing", now, now + timedelta(days=1))


def test_a_key_that_does_not_sign_may_be_missing(pool, dns):
    DkimKey.objects.update(is_active=False)
    dns()
    row = look()["dkim", f"h1._domainkey.{DOMAIN}"]
    assert (row.verdict, row.is_optional, row.needs_work) == ("missing", True, False)


def test_checks_of_what_is_gone_are_forgotten(pool, dns):
    dns()
    assert ("ptr", "2.10.0.127.in-addr.arpa") in look()
    pool.ips.filter(address="127.0.10.2").update(state="retired")
    assert ("ptr", "2.10.0.127.in-addr.arpa") not in look()


def test_only_one_run_is_open_and_only_one_carries_it_out(pool, dns, now):
    dns()
    first = health.begin(by="test", now=now)
    assert health.begin(by="other", now=now) == first
    assert health.carry_out(run_id=first.pk, now=now)
    assert not health.carry_out(run_id=first.pk, now=now)
    first.refresh_from_db()
    assert (first.is_open, first.done, first.total, first.broke_off) == (False, 11, 11, False)
    SetupRun.objects.create(by="a", asked_at=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        SetupRun.objects.create(by="b", asked_at=now)


def test_a_run_whose_worker_died_makes_room(pool, now):
    lost = health.begin(by="test", now=now)
    again = health.begin(by="test", now=now + health.LAPSE + timedelta(seconds=1))
    lost.refresh_from_db()
    assert again != lost
    assert lost.broke_off


def test_a_run_that_breaks_off_is_closed(pool, now):
    def broken():
        raise OSError("no resolver")

    run = health.begin(by="test", now=now)
    with pytest.raises(OSError, match="no resolver"):
        health.carry_out(run_id=run.pk, now=now, terms=broken)
    run.refresh_from_db()
    assert (run.is_open, run.broke_off) == (False, True)


def test_a_look_is_due_daily_and_for_a_new_domain(pool, dns, now):
    dns()
    assert health.is_due(now=now)
    look(now)
    assert not health.is_due(now=now + timedelta(hours=23))
    assert health.is_due(now=now + timedelta(days=1))
    make_pool("Ume", "127.0.11.1")
    assert not health.is_due(now=now + timedelta(minutes=1))
    assert health.is_due(now=now + timedelta(hours=1))


def test_without_a_domain_nothing_is_due(db, now):
    assert not health.is_due(now=now)
    assert str(health_figures.summary([])) == "The set-up was not looked at yet."


def test_the_daily_task_begins_a_run_and_the_other_carries_it_out(
    pool, dns, django_capture_on_commit_callbacks, monkeypatch
):
    dns()
    asked = []
    monkeypatch.setattr(tasks.check_setup, "delay_on_commit", lambda **ids: asked.append(ids))
    tasks.check_setup_daily()
    tasks.check_setup_daily()
    run = SetupRun.objects.get()
    assert asked == [{"run_id": run.pk}]
    tasks.check_setup(run_id=run.pk)
    assert SetupCheck.objects.count() == 11


def platform_health(*words):
    out = StringIO()
    try:
        call_command("platform", "health", *words, stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_the_command_prints_what_is_wrong_and_the_record(pool, dns):
    records = [record for record in published() if not record.name.startswith("_dmarc")]
    dns(records)
    text, error = platform_health()
    assert error.startswith("Of 10 checks: 1 missing.")
    assert f"missing    DMARC    _dmarc.{DOMAIN}" in text
    assert f'Record: _dmarc.{DOMAIN}. IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@{DOMAIN}"' in text
    assert "right      PTR      127.0.10.1 1.10.0.127.in-addr.arpa" in text


def test_the_command_speaks_japanese_and_json(pool, dns):
    dns(published())
    text, error = platform_health("--language", "ja")
    assert error == ""
    assert "すべて" in text
    shown = json.loads(platform_health("--json")[0])
    assert shown["ok"] is True
    dmarc = next(check for check in shown["checks"] if check["check"] == "dmarc")
    assert dmarc["advice"] == [{"code": "dmarc-none", "about": ""}]
    assert dmarc["verdict"] == "ok"


def test_the_command_waits_for_nobody(pool, now):
    run = health.begin(by="test", now=timezone.now())
    SetupRun.objects.filter(pk=run.pk).update(started_at=timezone.now())
    assert platform_health()[1].startswith("A check is under way already")


def test_a_difference_marks_what_is_missing_and_what_is_too_much():
    found = pieces("v=spf1 ip4:192.0.2.1 ~all", "v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all")
    assert [(piece.part, piece.text) for piece in found] == [
        (Part.same, "v=spf1 ip4:192.0.2.1"),
        (Part.extra, "~all"),
        (Part.missing, "ip4:192.0.2.2 -all"),
    ]
    assert [p.part for p in pieces("v=DMARC1; p=none;", "v=DMARC1; p=none")] == [Part.same]
    assert [p.part for p in pieces("", "a")] == [Part.missing]


def test_every_sentence_can_be_said_in_japanese():
    for code in SENTENCES:
        with translation.override("ja"):
            words = sentence(code, "※")
        assert words != sentence(code, "※")
        assert ("※" in words) == ("※" in sentence(code, "※"))
