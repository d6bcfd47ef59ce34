"""The catalogue of lists: what ships is sound, and what is wrong with a table is named."""

import re

import pytest

from blacklist.catalogue import Catalogue, Impact
from blacklist.catalogue_reading import CatalogueBroken, read, read_entry, shipped
from config.embedded import BASE_DIR
from wire.dnsbl import Kind, Listed, Refused, judge

SOUND = {
    "name": "Example list",
    "zone": "bl.example.net",
    "operator": "Example",
    "kinds": ["ip4"],
    "impact": "minor",
    "codes": {"127.0.0.2": "spam"},
    "delisting": "request",
    "confidence": "primary",
}


def test_the_catalogue_that_ships_is_sound():
    held = shipped()
    assert len(held.lists) >= 80
    assert len(held.dead) >= 100
    assert len(held.providers) >= 15
    assert {"zen.spamhaus.org", "zen.dq.spamhaus.net", "combined.mail.abusix.zone"} <= set(
        held.lists
    )


def test_no_list_that_is_watched_from_the_start_is_unverified():
    assert [
        e.ident for e in shipped().lists.values() if e.default and e.confidence == "unverified"
    ] == []


def test_every_dead_zone_has_its_reason_and_source():
    assert [one.zone for one in shipped().dead.values() if not (one.reason and one.source)] == []


@pytest.mark.parametrize("entry", shipped().lists.values(), ids=lambda entry: entry.ident)
def test_no_list_can_be_read_to_list_by_a_refusal(entry):
    held = entry.rule(key="k" if entry.key else "")
    for refusal in ("127.255.255.252", "127.255.255.254", "127.255.255.255", *entry.refused):
        assert isinstance(judge(held, [refusal]), Refused)
    for code in entry.codes:
        assert isinstance(judge(held, [code]), Listed)


def test_a_range_of_codes_is_written_out():
    codes = shipped().lists["zrd.dq.spamhaus.net"].codes
    assert (len(codes), "127.0.2.2" in codes, "127.0.2.24" in codes) == (23, True, True)


def test_a_key_stands_in_the_zone_and_in_no_name():
    rule = shipped().lists["zen.dq.spamhaus.net"].rule(key="s3cret", per_day=7)
    assert (rule.name, rule.zone) == ("zen.dq.spamhaus.net", "s3cret.zen.dq.spamhaus.net")
    assert (rule.per_day, rule.per_second) == (7, 20.0)
    assert rule.listed == {Kind.ip4: "127.0.0.2"}


def test_an_impact_is_that_of_the_gravest_code():
    zen = shipped().lists["zen.spamhaus.org"]
    assert zen.impact_of(("127.0.0.10",), Impact.CRITICAL) is Impact.MAJOR
    assert zen.impact_of(("127.0.0.10", "127.0.0.2"), Impact.CRITICAL) is Impact.CRITICAL
    assert zen.impact_of((), Impact.MINOR) is Impact.MINOR


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("DNSBL.SORBS.net.", "dnsbl.sorbs.net is dead since 2024-06-05: SORBS decommissioned"),
        ("list.dsbl.org", "lists-the-world"),
        ("list.dnswl.org", "list.dnswl.org is no blocklist: welcome list"),
        ("zen.spamhaus.org", ""),
    ],
)
def test_what_speaks_against_a_zone_is_known(zone, words):
    assert words in shipped().why_not(zone)
    assert bool(words) is bool(shipped().why_not(zone))


def test_providers_are_found_by_the_names_that_the_rules_for_replies_give_them():
    rules = "".join(path.read_text() for path in (BASE_DIR / "wire" / "rules").glob("*.toml"))
    named = set(re.findall(r'list = "([^"]+)"|name = "([^"]+)"', rules))
    known = {name for pair in named for name in pair if name}
    called = [name for one in shipped().providers.values() for name in one.called]
    assert set(called) <= known
    found = shipped().provider_called("Cloudmark CSI")
    assert found is not None
    assert found.operator.startswith("Cloudmark")
    assert shipped().provider_called("nobody") is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"impact": "grave"}, "impact 'grave' is not known; use critical, info, major, minor"),
        ({"kinds": ["ip5"]}, "kinds ['ip5']: name one or more of domain, ip4, ip6"),
        ({"kinds": []}, "kinds []: name one or more of"),
        ({"zone": "BL.example.net"}, "write it in lower case"),
        ({"zone": "127.0.0.2"}, "zone '127.0.0.2' is no domain name"),
        ({"zone": "a b"}, "zone: 'a b' is neither an IP address nor a domain name"),
        ({"zone": "{key}.bl.example.net"}, "needs `key`, and no other may have it"),
        ({"key": "example"}, "needs `key`, and no other may have it"),
        ({"codes": {}}, "codes are missing"),
        ({"codes": {"10.0.0.1": "x"}}, "'10.0.0.1' is no answer in 127.0.0.0/8"),
        ({"codes": {"many": "x"}}, "'many' is no answer in 127.0.0.0/8"),
        ({"codes": {"127.255.255.254": "x"}}, "127.255.255.254 cannot be a listing and a refusal"),
        ({"refused": ["127.0.0.2"]}, "127.0.0.2 cannot be a listing and a refusal"),
        ({"code_impact": {"127.0.0.9": "info"}}, "code_impact 127.0.0.9 is none of the codes"),
        ({"test_listed": "TEST"}, "test_listed TEST is of the kind domain, which the list has not"),
        ({"test_unlisted": ".."}, "test_unlisted: '..' is neither an IP address nor"),
        ({"min_interval_s": 5}, "min_interval_s 5: give a number of at least 60"),
        ({"per_second": "fast"}, "per_second 'fast': give a number of at least 0"),
        ({"per_day": 1.5}, "per_day 1.5: give a number of at least 0"),
        ({"bitmask": "yes"}, "bitmask has to be true or false"),
        ({"notes": 7}, "notes has to be a text"),
        ({"colour": "red"}, "'colour' is not known; see the head of lists.toml"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_list_is_named(change, problem):
    with pytest.raises(CatalogueBroken) as broken:
        read_entry(SOUND | change)
    assert any(problem in line for line in broken.value.problems), broken.value.problems
    assert all(line.startswith("list ") for line in broken.value.problems)


def test_all_that_is_wrong_is_said_at_once():
    twice = [SOUND, SOUND | {"replaces": "gone.example"}, {"zone": "half.example.net"}]
    raw = {"list": twice, "lists": [], "provider": [{"name": "P"}]}
    with pytest.raises(CatalogueBroken) as broken:
        read(raw | {"dead": [{"zone": "bl.example.net", "since": "", "danger": "stale",
                              "reason": "gone", "source": "its operator"}]})  # fmt: skip
    said = str(broken.value)
    wanted = [
        "table 'lists'", "bl.example.net: is there twice", "is dead: gone", "name is missing",
        "provider P: 'kinds'", "replaces 'gone.example' is no list",
    ]  # fmt: skip
    assert [words for words in wanted if words not in said] == []


def test_an_empty_catalogue_is_a_catalogue():
    assert read({}) == Catalogue({}, {}, {}, {})
