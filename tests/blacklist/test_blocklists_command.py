"""`manage.py blocklists`: what it prints, stores and refuses."""

import asyncio
import io
import threading

import pytest
from django.core.management import CommandError, call_command

from blacklist.catalogue_report import warnings
from blacklist.models import ListKey, ListSetting, OwnList
from sandbox.dns import NameServer, Zone
from sandbox.dnsbl import ListFault
from sandbox.scenario import Scenario

pytestmark = pytest.mark.django_db

OWN = """
[[list]]
name = "Example"
zone = "bl.box.test"
operator = "Example"
kinds = ["ip4"]
impact = "minor"
codes = { "127.0.0.2" = "spam" }
test_listed = "127.0.0.2"
delisting = "request"
confidence = "primary"
"""


def said(*arguments):
    out = io.StringIO()
    call_command("blocklists", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def own_list(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(OWN)
    assert said("add", str(file)) == "bl.box.test is watched.\n"


@pytest.fixture
def nameserver(settings):
    """One in a thread of its own, since the command has a loop of its own."""
    loop = asyncio.new_event_loop()
    server = NameServer(Zone(Scenario((), {})))
    server.zone.blocklists.add("bl.box.test")
    loop.run_until_complete(server.open("127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    settings.DNS_SERVERS = [server.address]
    yield server
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.call_later, 0.05, loop.stop)
    thread.join()
    loop.close()


def only_own():
    for ident in said("show").splitlines():
        if ident.startswith("+") and "bl.box.test" not in ident:
            ListSetting.objects.create(ident=ident.split()[1], enabled=False)


def test_the_catalogue_and_the_settings_are_checked():
    text = said("check")
    assert "The catalogue holds 87 lists, 17 providers and 109 dead zones; 25 lists" in text
    assert "zen.dq.spamhaus.net needs a key of the account spamhaus-dqs" in text


def test_public_resolvers_are_warned_about():
    (line,) = warnings([], [("8.8.8.8", 53), ("127.0.0.1", 53)])
    assert line.startswith("8.8.8.8 is a public resolver (Google Public DNS)")


def test_lists_prove_themselves_when_asked(own_list, nameserver):
    only_own()
    host, port = nameserver.address
    assert f"+ bl.box.test through {host}:{port}: works\n" in said("check", "--ask")
    nameserver.zone.blocklists.break_down("bl.box.test", ListFault("answers"))
    with pytest.raises(CommandError, match="neither listing nor clean"):
        said("check", "--ask")


def test_a_list_without_a_test_entry_is_said_to_be_unproven(own_list, nameserver):
    only_own()
    OwnList.objects.update(definition={**OwnList.objects.get().definition, "test_listed": ""})
    nameserver.zone.blocklists.remove("bl.box.test", "127.0.0.2")
    assert "answers, but has no test entry that proves it" in said("check", "--ask")


def test_all_lists_are_shown_and_one_with_all_that_is_known():
    lines = said("show").splitlines()
    assert len(lines) == 87
    assert lines[0].split()[:4] == ["+", "zen.spamhaus.org", "critical", "300"]
    text = said("show", "dbl.spamhaus.org")
    for words in ("Spamhaus Project", "127.0.1.255    refusal", "dbltest.com", "300000 questions"):
        assert words in text
    assert "none: a dead list is not seen" in said("show", "pofon.foobar.hu")


def test_lists_are_enabled_tuned_and_disabled():
    text = said("enable", "dnsbl.zapbl.net", "--impact", "minor", "--per-day", "100")
    assert "watched        yes" in text
    assert "impact         minor (catalogue: info)" in text
    said("disable", "dnsbl.zapbl.net")
    row = ListSetting.objects.get(ident="dnsbl.zapbl.net")
    assert (row.enabled, row.impact, row.per_day) == (False, "minor", 100)


def test_a_key_is_read_from_a_variable_or_a_pipe_and_not_shown(monkeypatch):
    monkeypatch.setenv("DQS", "s3cret")
    assert said("key", "spamhaus-dqs", "--from-env", "DQS") == (
        "The key of spamhaus-dqs is stored, encrypted.\n"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("another\n"))
    said("key", "spamhaus-dqs")
    assert ListKey.objects.get().secret == "another"
    assert "another" not in said("show", "zen.dq.spamhaus.net")
    said("key", "spamhaus-dqs", "--remove")
    assert not ListKey.objects.exists()


def test_own_lists_are_forgotten(own_list):
    assert said("remove", "bl.box.test") == "bl.box.test is forgotten.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["enable", "dnsbl.sorbs.net"], "is dead since 2024-06-05"),
        (["show", "nobody.example"], "is no list that is known here"),
        (["key", "nobody", "--from-env", "NOTHING"], "No list needs a key of 'nobody'"),
        (["add", "/nowhere.toml"], "/nowhere.toml cannot be read"),
        (["enable", "zen.spamhaus.org", "--cadence", "60"], "60 s is too often"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, words):
    with pytest.raises(CommandError, match=words):
        said(*arguments)
