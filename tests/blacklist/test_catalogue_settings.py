"""What operators say about lists: stored, audited, encrypted, or refused with a reason."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from blacklist import catalogue_settings
from blacklist.catalogue import Impact
from blacklist.catalogue_choice import watched
from blacklist.catalogue_settings import ListRefused
from blacklist.models import ListKey, ListSetting, OwnList
from customers.models import AuditEntry
from tests.blacklist.test_catalogue import SOUND

pytestmark = pytest.mark.django_db

ZEN, DQS = "zen.spamhaus.org", "zen.dq.spamhaus.net"


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


def state(ident):
    return next(one for one in watched() if one.entry.ident == ident)


def test_a_list_is_switched_off_and_on(now, root):
    catalogue_settings.disable(ident=ZEN, by=root, now=now)
    assert state(ZEN).why_not == "switched off"
    catalogue_settings.enable(ident="ZEN.spamhaus.org.", by=root, now=now)
    assert state(ZEN).why_not == ""
    row = ListSetting.objects.get(ident=ZEN)
    assert (row.changed_by, row.changed_at, str(row)) == (root, now, ZEN)
    assert [entry.verb for entry in AuditEntry.objects.order_by("pk")] == [
        "blocklist.disable", "blocklist.enable",
    ]  # fmt: skip


def test_a_list_is_tuned_and_given_back_to_the_catalogue(now):
    catalogue_settings.tune(
        ident=ZEN, impact=Impact.MAJOR, cadence=600, per_day=0, by="test", now=now
    )
    one = state(ZEN)
    assert one.rule is not None
    assert (one.impact, one.cadence, one.rule.per_day) == (Impact.MAJOR, 600, 0)
    catalogue_settings.tune(ident=ZEN, impact=None, cadence=None, by="test", now=now)
    assert (state(ZEN).impact, state(ZEN).cadence) == (Impact.CRITICAL, 300)
    last = AuditEntry.objects.latest("pk")
    assert last.evidence["before"] == {"impact": "major", "cadence": 600}


def test_a_cadence_below_the_list_s_floor_is_refused(now):
    with pytest.raises(ListRefused, match="every 300 s at most; 60 s is too often"):
        catalogue_settings.tune(ident=ZEN, cadence=60, by="test", now=now)
    assert not ListSetting.objects.exists()


@pytest.mark.parametrize(
    ("ident", "words"),
    [
        ("dnsbl.sorbs.net", "dnsbl.sorbs.net is dead since 2024-06-05"),
        ("list.dnswl.org", "is no blocklist: welcome list"),
        ("nobody.example", "nobody.example is no list that is known here"),
    ],
)
def test_dead_zones_and_welcome_lists_cannot_be_watched(ident, words, now):
    with pytest.raises(ListRefused, match=words):
        catalogue_settings.enable(ident=ident, by="test", now=now)


def test_a_key_brings_its_lists_and_rests_those_that_they_replace(now):
    catalogue_settings.set_key(account="spamhaus-dqs", secret=" s3cret-1\n", by="test", now=now)
    one = state(DQS)
    assert one.rule is not None
    assert (one.why_not, one.rule.zone) == ("", "s3cret-1.zen.dq.spamhaus.net")
    assert state(ZEN).why_not == f"replaced by {DQS}"
    catalogue_settings.remove_key(account="spamhaus-dqs", by="test", now=now)
    assert (state(DQS).rule, state(ZEN).why_not) == (None, "")


def test_a_key_is_stored_encrypted_and_told_to_nobody(now):
    row = catalogue_settings.set_key(account="abusix", secret="s3cret", by="test", now=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM blacklist_listkey")
        assert "s3cret" not in cursor.fetchone()[0]
    assert ListKey.objects.get().secret == "s3cret"
    assert "s3cret" not in f"{row} {AuditEntry.objects.values_list()}"


@pytest.mark.parametrize(
    ("account", "secret", "words"),
    [
        ("nobody", "abc", "No list needs a key of 'nobody'; accounts are: abusix, spamhaus-dqs"),
        ("abusix", "", "A key is one label"),
        ("abusix", "a.b", "A key is one label"),
        ("abusix", "a b", "A key is one label"),
        ("abusix", "a" * 64, "A key is one label"),
    ],
)
def test_what_cannot_be_a_key_is_refused(account, secret, words, now):
    with pytest.raises(ListRefused, match=words):
        catalogue_settings.set_key(account=account, secret=secret, by="test", now=now)
    with pytest.raises(ListRefused, match="There is no key"):
        catalogue_settings.remove_key(account=account, by="test", now=now)


def test_an_operator_s_own_list_is_watched_changed_and_forgotten(now):
    row = catalogue_settings.add_own(definition=SOUND, by="test", now=now)
    assert (str(row), state("bl.example.net").why_not) == ("bl.example.net", "")
    catalogue_settings.tune(ident="bl.example.net", impact=Impact.MAJOR, by="test", now=now)
    catalogue_settings.add_own(definition=SOUND | {"name": "Another"}, by="test", now=now)
    assert (state("bl.example.net").entry.name, state("bl.example.net").impact) == (
        "Another",
        "major",
    )
    catalogue_settings.remove_own(ident="bl.example.net", by="test", now=now)
    assert not OwnList.objects.exists()
    assert not ListSetting.objects.exists()
    with pytest.raises(ListRefused, match="is no list of your own"):
        catalogue_settings.remove_own(ident="bl.example.net", by="test", now=now)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"impact": "grave"}, "impact 'grave' is not known"),
        ({"zone": ZEN}, "is in the catalogue: enable it there"),
        ({"zone": "dnsbl.sorbs.net"}, "is dead"),
    ],
)
def test_an_own_list_must_be_sound_new_and_alive(change, words, now):
    with pytest.raises(ListRefused, match=words):
        catalogue_settings.add_own(definition=SOUND | change, by="test", now=now)


def test_an_own_list_may_need_a_key(now):
    definition = SOUND | {"zone": "{key}.own.example.net", "key": "own"}
    catalogue_settings.add_own(definition=definition, by="test", now=now)
    assert state("own.example.net").why_not == "needs a key of the account own"
    catalogue_settings.set_key(account="own", secret="abc", by="test", now=now)
    assert state("own.example.net").why_not == ""


@pytest.mark.parametrize("broken", [{"impact": "grave"}, {"cadence": 5}])
def test_the_database_refuses_what_makes_no_sense(broken):
    with pytest.raises(IntegrityError), transaction.atomic():
        ListSetting.objects.create(ident="a.example", **broken)
