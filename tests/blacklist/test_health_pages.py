"""The page of the set-up: what is wrong, the record to publish, looking again, and who may."""

import pytest

from blacklist import health
from blacklist.models import SetupCheck, SetupRun
from blacklist.tasks import check_setup
from tests.delivery.test_pages_mailings import words
from tests.support.platform import make_pool

pytestmark = pytest.mark.django_db


def make_check(pool, kind, verdict, now, **fields):
    values = {
        "name": f"{kind}.sakura.mail.example", "found": [], "expected": ["x"], "record": ["r"],
        "since": now, "checked_at": now, **fields,
    }  # fmt: skip
    return SetupCheck.objects.create(domain=pool.domain, kind=kind, verdict=verdict, **values)


@pytest.fixture
def asked(monkeypatch):
    runs = []
    monkeypatch.setattr(check_setup, "delay_on_commit", lambda **ids: runs.append(ids))
    return runs


def test_a_wrong_record_is_shown_with_the_difference_and_ours(root, client_for, now):
    pool = make_pool("Sakura", "127.0.10.1")
    make_check(
        pool, "spf", "wrong", now, found=["v=spf1 ~all"], expected=["v=spf1 ip4:127.0.10.1 ~all"],
        problems=[["spf-fail", "127.0.10.1"]], record=['b. IN TXT "v=spf1 ip4:127.0.10.1 ~all"'],
    )  # fmt: skip
    make_check(pool, "dmarc", "ok", now, found=["v=DMARC1; p=none"], advice=[["dmarc-none", ""]])
    page = client_for(root).get("/setup/")
    text = words(page)
    assert "Of 2 checks: 1 wrong." in text
    assert "127.0.10.1 may not send: fail" in text
    assert "<ins>" in page.content.decode()
    assert "missing: ip4:127.0.10.1" in text
    assert 'Record to publish b. IN TXT "v=spf1 ip4:127.0.10.1 ~all"' in text
    assert "p=none only watches" in text


def test_no_answer_says_what_was_known_before(root, client_for, now):
    pool = make_pool("Sakura", "127.0.10.1")
    make_check(
        pool, "ptr", "unknown", now, ip=pool.ips.get(), settled="ok", settled_at=now,
        problems=[["no-answer", "timed out"]],
    )  # fmt: skip
    make_check(pool, "mta-sts", "missing", now, is_optional=True)
    text = words(client_for(root).get("/setup/"))
    assert "Of 1 check: 1 without an answer. 1 optional record is not there." in text
    assert "nobody could tell: timed out" in text
    assert "before: right" in text
    assert "missing optional" in text


def test_all_well_is_said_in_japanese(root, client_for, now):
    make_check(make_pool("Sakura"), "spf", "ok", now)
    root.language = "ja"
    root.save(update_fields=["language"])
    text = words(client_for(root).get("/setup/"))
    assert "確認項目1件はすべて期待どおりです。" in text


def test_empty_platforms_and_new_ones_have_their_own_words(root, client_for):
    client = client_for(root)
    assert "There is no sending domain yet" in words(client.get("/setup/"))
    make_pool("Sakura")
    text = words(client.get("/setup/"))
    assert "Nothing was looked at yet." in text
    assert "Check now" in text


def test_check_now_begins_one_run_and_shows_its_progress(root, client_for, asked):
    make_pool("Sakura", "127.0.10.1")
    client = client_for(root)
    assert client.post("/setup/check/")["Location"] == "/setup/"
    run = SetupRun.objects.get()
    assert asked == [{"run_id": run.pk}]
    assert "It begins in a moment." in words(client.get("/setup/"))
    SetupRun.objects.filter(pk=run.pk).update(started_at=run.asked_at, total=10, done=4)
    text = words(client.get("/setup/"))
    assert "4 of 10 looked at." in text
    assert "Check now" not in text
    part = client.get("/setup/progress/")
    assert "<html" not in part.content.decode()
    assert "HX-Refresh" not in part
    assert "A check is under way already." in words(client.post("/setup/check/", follow=True))
    assert len(asked) == 1


def test_the_end_of_a_run_brings_the_whole_page_and_a_broken_one_is_told(root, client_for, now):
    make_pool("Sakura", "127.0.10.1")
    client = client_for(root)
    assert client.get("/setup/progress/")["HX-Refresh"] == "true"
    SetupRun.objects.create(by="test", asked_at=now, started_at=now, is_open=False, total=9, done=1)
    assert "The last check broke off before its end." in words(client.get("/setup/"))
    assert client.get("/setup/progress/")["HX-Refresh"] == "true"


@pytest.mark.parametrize("path", ["/setup/", "/setup/progress/"])
def test_strangers_find_no_set_up(path, client, enter):
    assert enter("watcher").get(path).status_code == 200
    for person in ("ada", "cleo"):
        assert enter(person).get(path).status_code == 404
    assert client.get(path)["Location"].startswith("/accounts/login/")


def test_only_those_who_operate_may_ask_for_a_look(client, enter, asked):
    assert enter("watcher").post("/setup/check/").status_code == 403
    assert enter("ada").post("/setup/check/").status_code == 404
    assert client.post("/setup/check/")["Location"].startswith("/accounts/login/")
    assert (SetupRun.objects.count(), asked) == (0, [])


def test_who_only_looks_has_no_button(watcher, client_for, now):
    make_check(make_pool("Sakura"), "spf", "ok", now)
    assert "Check now" not in words(client_for(watcher).get("/setup/"))
    assert health.begin(by="test", now=now).percent == 0
