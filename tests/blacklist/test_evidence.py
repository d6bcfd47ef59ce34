"""Whose listing a reply speaks of, and how many say so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from blacklist.catalogue import Impact
from blacklist.catalogue_choice import choose
from blacklist.catalogue_reading import shipped
from blacklist.evidence import Key, Said, meaning, sort_out
from blacklist.evidence_acceptance import took_again
from blacklist.evidence_windows import Windows
from blacklist.known_lists import KnownLists, known_lists
from blacklist.listing_rules import Replies
from blacklist.models import ListSetting
from blacklist.resources import Resource, Role
from delivery.counters import Sum
from wire.dnsbl import Kind, target

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ZEN, DBL, SPAMCOP = "zen.spamhaus.org", "dbl.spamhaus.org", "bl.spamcop.net"
MINUTES_5 = timedelta(minutes=5)


def resources(*texts: str) -> dict[str, Resource]:
    roles = frozenset({Role.SENDING_IP})
    return {text: Resource(text, target(text), roles) for text in texts}


OURS = resources("192.0.2.1", "192.0.2.2", "mail.example", "bounce.mail.example")
LISTS = known_lists(shipped(), choose(shipped(), own=[], settings={}, keys={}))
SAID = Said(
    category="ip-listed", blocklist=ZEN, resource="", source="192.0.2.1", domain="mail.example",
    destination="other", host="mx1.r.example", count=1, at=NOW,
)  # fmt: skip


def key_of(said: dict[str, str], lists: KnownLists = LISTS) -> tuple[str, str] | None:
    found = meaning(replace(SAID, **said), OURS, lists)  # type: ignore[arg-type]
    return tuple(found.key) if found else None  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ("192.0.2.1", ZEN)),  # the one it was said to
        ({"resource": "192.0.2.2"}, ("192.0.2.2", ZEN)),
        ({"resource": "198.51.100.9"}, None),  # the receiver's own resolver, or a relay
        ({"blocklist": "xbl.spamhaus.org"}, ("192.0.2.1", ZEN)),  # a part of ZEN
        ({"blocklist": "spamhaus.org"}, ("192.0.2.1", ZEN)),
        ({"blocklist": "sbl-xbl.spamhaus.org"}, ("192.0.2.1", "")),  # dead: which, nobody says
        ({"blocklist": ""}, ("192.0.2.1", "")),
        ({"blocklist": "rbl.of-a-receiver.example"}, ("192.0.2.1", "rbl.of-a-receiver.example")),
        ({"category": "ip-reputation", "blocklist": ""}, None),
        ({"category": "domain-listed", "blocklist": "spamhaus.org"}, ("mail.example", DBL)),
        ({"category": "domain-listed", "blocklist": DBL, "resource": "www.mail.example"},
         ("mail.example", DBL)),
        ({"category": "domain-listed", "blocklist": DBL, "resource": "asagao.example"}, None),
        ({"category": "url-listed", "blocklist": DBL}, None),
        ({"category": "url-listed", "blocklist": DBL, "resource": "mail.example"},
         ("mail.example", DBL)),
        ({"source": "192.0.2.77"}, None),
        ({"blocklist": DBL}, ("mail.example", DBL)),  # a list of domains, in the usual words
        ({"blocklist": DBL, "domain": "asagao.example"}, None),
    ],
)  # fmt: skip
def test_a_reply_speaks_of_what_is_ours_or_of_nothing(
    said: dict[str, str], expected: tuple[str, str] | None
) -> None:
    assert key_of(said) == expected


@pytest.mark.parametrize(
    ("called", "name"),
    [("Microsoft internal list", "Microsoft consumer (Outlook.com) block"),
     ("Cloudmark CSI", "Cloudmark Sender Intelligence (CSI)"),
     ("Proofpoint Dynamic Reputation", "Proofpoint Dynamic Reputation (PDR)")],
)  # fmt: skip
def test_a_providers_own_list_is_a_list(called: str, name: str) -> None:
    found = LISTS.called(called, Kind.ip4)
    assert found is not None
    assert (found.name, found.impact, found.rule) == (name, Impact.CRITICAL, None)
    assert found.has_one_voice
    assert LISTS.named(name) == found


def test_a_list_that_nobody_told_us_of_is_minor() -> None:
    found = LISTS.named("rbl.of-a-receiver.example")
    assert (found.impact, found.rule, found.has_one_voice) == (Impact.MINOR, None, False)
    assert found.impact_of(("127.0.0.2",)) is Impact.MINOR
    assert found.floor == timedelta(0)


def test_the_keyed_zone_stands_for_the_public_one() -> None:
    keys = {"spamhaus-dqs": "secret"}
    names = {entry.key for entry in shipped().lists.values() if entry.key}
    keys = dict.fromkeys(names, "secret")
    settings = {"zen.dq.spamhaus.net": ListSetting(enabled=True)}
    lists = known_lists(shipped(), choose(shipped(), own=[], settings=settings, keys=keys))
    assert key_of({}, lists) == ("192.0.2.1", "zen.dq.spamhaus.net")
    assert key_of({"blocklist": "sbl.spamhaus.org"}, lists) == ("192.0.2.1", "zen.dq.spamhaus.net")


def test_the_gravest_code_says_how_grave_it_is() -> None:
    zen = LISTS.named(ZEN)
    assert zen.impact_of(("127.0.0.10",)) is Impact.MAJOR
    assert zen.impact_of(("127.0.0.10", "127.0.0.2")) is Impact.CRITICAL
    assert zen.floor == MINUTES_5


def test_replies_are_sorted_by_what_they_mean() -> None:
    other = replace(SAID, resource="192.0.2.2", blocklist=SPAMCOP)
    heard = sort_out([SAID, other, SAID, replace(SAID, source="")], OURS, LISTS)
    key = Key("192.0.2.1", ZEN)
    assert set(heard.meant) == {key, Key("192.0.2.2", SPAMCOP)}
    assert heard.said[key] == [SAID, SAID]


KEY = Key("192.0.2.1", ZEN)


def test_a_window_counts_replies_hosts_and_destinations() -> None:
    windows = Windows(MINUTES_5)
    second = replace(SAID, host="mx2.r.example", destination="gmail", count=4)
    named = replace(SAID, resource="192.0.2.1", count=2)
    windows.add(KEY, [SAID, second, named])
    span = windows.span(KEY, now=NOW)
    assert span is not None
    assert span.replies == Replies(count=7, hosts=2, named=2)
    assert span.destinations == ("gmail", "other")
    assert windows.span(Key("192.0.2.2", ZEN), now=NOW) is None


def test_a_window_slides() -> None:
    windows = Windows(MINUTES_5)
    later = NOW + timedelta(minutes=3)
    windows.add(KEY, [SAID, replace(SAID, at=later)])
    span = windows.span(KEY, now=NOW + timedelta(minutes=6))
    assert span is not None
    assert (span.replies.count, span.first_at) == (1, later)
    assert windows.span(KEY, now=NOW + timedelta(minutes=9)) is None
    windows.add(KEY, [SAID])
    windows.clear()
    assert windows.span(KEY, now=NOW) is None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(1, "gmail", "accepted", 20)], True),
        ([(1, "gmail", "accepted", 12), (2, "gmail", "accepted", 8)], True),
        ([(1, "gmail", "accepted", 19)], False),
        ([(9, "gmail", "accepted", 20)], False),  # another address
        ([(1, "yahoo", "accepted", 20)], False),  # who never refused
        ([(1, "gmail", "refused", 20)], False),
    ],
)
def test_who_refused_and_takes_the_mail_again_has_let_go(
    rows: list[tuple[int, str, str, int]], expected: bool
) -> None:
    sums = [Sum(row[:3], row[3]) for row in rows]
    assert took_again(sums, frozenset({1, 2}), ["gmail"]) is expected
