"""Which lists are watched, how often, and what stands against the others."""

from dataclasses import dataclass, replace

import pytest
from django.utils import translation

from blacklist.catalogue import Catalogue, Impact
from blacklist.catalogue_choice import cadence, choose
from blacklist.catalogue_reading import read_entry
from tests.blacklist.test_catalogue import SOUND
from wire.dnsbl import Kind

PLAIN = read_entry(SOUND | {"default": True, "test_listed": "127.0.0.2"})
OTHER = read_entry(SOUND | {"zone": "other.example.net"})
KEYED = read_entry(SOUND | {"zone": "{key}.paid.example.net", "key": "paid", "default": True,
                            "replaces": "bl.example.net", "impact": "critical"})  # fmt: skip


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


@dataclass(frozen=True)
class Said:
    enabled: bool | None = None
    impact: str = ""
    cadence: int | None = None
    per_day: int | None = None


def chosen(*entries, own=(), settings=None, keys=None):
    held = Catalogue({entry.ident: entry for entry in entries}, {}, {}, {})
    return choose(held, own=own, settings=settings or {}, keys=keys or {})


@pytest.mark.parametrize(
    ("entry", "said", "why_not"),
    [
        (PLAIN, None, ""),
        (PLAIN, Said(), ""),
        (PLAIN, Said(enabled=False), "switched off"),
        (OTHER, None, "not in the set that is watched from the start"),
        (OTHER, Said(enabled=True), ""),
        (KEYED, None, "needs a key of the account paid"),
        (KEYED, Said(enabled=True), "needs a key of the account paid"),
    ],
)
def test_a_list_is_watched_unless_something_stands_against_it(entry, said, why_not):
    (one,) = chosen(entry, settings={entry.ident: said} if said else {})
    assert one.why_not == why_not
    assert (one.rule is None) is ("key" in why_not)


def test_a_list_that_another_replaces_rests_while_that_one_is_watched():
    assert [one.why_not for one in chosen(PLAIN, KEYED)] == ["", "needs a key of the account paid"]
    first, second = chosen(PLAIN, KEYED, keys={"paid": "abc"})
    assert (first.why_not, second.why_not) == ("replaced by paid.example.net", "")
    assert second.rule is not None
    assert second.rule.zone == "abc.paid.example.net"
    wanted = {PLAIN.ident: Said(enabled=True)}
    assert chosen(PLAIN, KEYED, keys={"paid": "abc"}, settings=wanted)[0].why_not == ""


def test_operators_say_how_grave_and_how_often():
    said = Said(impact="critical", cadence=90, per_day=500)
    (one,) = chosen(PLAIN, settings={PLAIN.ident: said})
    assert (one.impact, one.cadence) == (Impact.CRITICAL, 90)
    assert one.rule is not None
    assert one.rule.per_day == 500


@pytest.mark.parametrize(
    ("floor", "asked", "seconds"),
    [(60, None, 7200), (60, 300, 300), (900, 300, 900), (86_400, None, 86_400)],
)
def test_no_list_is_asked_more_often_than_it_allows(floor, asked, seconds):
    assert cadence(replace(PLAIN, cadence_floor=floor), Impact.MINOR, asked) == seconds


def test_own_lists_come_last_and_yield_to_the_catalogue():
    own = [read_entry(SOUND | {"zone": "own.example.net", "default": True}), PLAIN]
    found = chosen(PLAIN, own=own)
    assert [(one.entry.ident, one.own) for one in found] == [
        ("bl.example.net", False), ("own.example.net", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "may"), [({}, True), ({"impact": Impact.INFO}, False), ({"listed": {}}, False)]
)
def test_a_list_acts_only_when_it_matters_and_can_prove_itself(change, may):
    (one,) = chosen(replace(PLAIN, **change))
    assert one.may_act is may
    assert Kind.ip4 in one.entry.kinds
