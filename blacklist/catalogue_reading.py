"""From the tables of lists.toml to the catalogue; everything wrong with them is said at once."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final, TypeVar

from django.db import models

from blacklist.catalogue import (
    KEY_MARK,
    Catalogue,
    Confidence,
    Dead,
    Delisting,
    Entry,
    Impact,
    Provider,
)
from wire.dnsbl import BadTarget, Kind, target

FILE: Final = Path(__file__).with_name("lists.toml")
TABLES: Final = {"list", "provider", "no_blocklist", "dead"}
NEEDED: Final = ("name", "zone", "operator", "kinds", "impact", "codes", "delisting", "confidence")
TEXTS: Final = ("key", "replaces", "included_in", "lookup_url", "delist_url", "notes")
SWITCHES: Final = ("bitmask", "any_code", "registration", "default")
KNOWN: Final = {
    *NEEDED, *TEXTS, *SWITCHES,
    "code_impact", "refused", "ignored", "test_listed", "test_listed6", "test_unlisted",
    "test_random", "min_interval_s", "per_second", "per_day",
}  # fmt: skip
SHORTEST_CADENCE: Final = 60
Read = TypeVar("Read")
_RANGE = re.compile(r"(\d+\.\d+\.\d+)\.(\d+)-(\d+)")


class CatalogueBroken(ValueError):
    """What is wrong with a catalogue, or with one list: each line names the list and the key."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@cache
def shipped() -> Catalogue:
    """The catalogue of this version; CatalogueBroken when the file is wrong."""
    return read(tomllib.loads(FILE.read_text(encoding="utf-8")))


def read(raw: Mapping[str, Any]) -> Catalogue:
    """The whole catalogue; CatalogueBroken names everything that is wrong with it."""
    problems = [f"table {name!r} is not known; use {_join(TABLES)}" for name in set(raw) - TABLES]
    lists = _all(raw.get("list", []), read_entry, problems)
    providers = _all(raw.get("provider", []), _provider, problems)
    catalogue = Catalogue(
        lists={entry.ident: entry for entry in lists},
        providers={provider.name: provider for provider in providers},
        dead={one["zone"]: Dead(**one) for one in raw.get("dead", [])},
        no_blocklists={one["zone"]: one["meaning"] for one in raw.get("no_blocklist", [])},
    )
    problems += _twice([entry.ident for entry in lists])
    problems += _contradictions(catalogue)
    if problems:
        raise CatalogueBroken(problems)
    return catalogue


def read_entry(raw: Mapping[str, Any]) -> Entry:
    """One [[list]] table, of the catalogue or of an operator; CatalogueBroken."""
    where = f"list {raw.get('zone') or raw.get('name') or '?'}"
    problems = [f"{where}: {line}" for line in _problems(raw)]
    if problems:
        raise CatalogueBroken(problems)
    kinds = frozenset(Kind(kind) for kind in raw["kinds"])
    impacts = raw.get("code_impact", {}).items()
    return Entry(
        ident=raw["zone"].removeprefix(KEY_MARK),
        name=raw["name"],
        zone=raw["zone"],
        operator=raw["operator"],
        kinds=kinds,
        impact=Impact(raw["impact"]),
        codes=_codes(raw["codes"]),
        code_impact={code: Impact(impact) for code, impact in impacts},
        delisting=Delisting(raw["delisting"]),
        confidence=Confidence(raw["confidence"]),
        **_optional(raw, kinds),
    )


def _optional(raw: Mapping[str, Any], kinds: frozenset[Kind]) -> dict[str, Any]:
    """What a list may leave out."""
    return {
        "cadence_floor": raw.get("min_interval_s", SHORTEST_CADENCE),
        "refused": frozenset(raw.get("refused", ())),
        "ignored": frozenset(raw.get("ignored", ())),
        "listed": _points(kinds, raw.get("test_listed"), raw.get("test_listed6")),
        "unlisted": _points(kinds, raw.get("test_unlisted"), None),
        "random": raw.get("test_random", True),
        "per_second": float(raw.get("per_second", 0)),
        "per_day": raw.get("per_day", 0),
        **{name: raw[name] for name in (*TEXTS, *SWITCHES) if name in raw},
    }


def _problems(raw: Mapping[str, Any]) -> list[str]:
    missing = [f"{name} is missing" for name in NEEDED if name not in raw]
    unknown = [f"{name!r} is not known; see the head of lists.toml" for name in set(raw) - KNOWN]
    if missing or unknown:
        return [*missing, *sorted(unknown)]
    return [*_shapes(raw), *_choices(raw), *_zone_problems(raw), *_code_problems(raw),
            *_point_problems(raw), *_number_problems(raw)]  # fmt: skip


def _shapes(raw: Mapping[str, Any]) -> Iterator[str]:
    for name in (*TEXTS, "name", "operator", "zone"):
        if not isinstance(raw.get(name, ""), str):
            yield f"{name} has to be a text"
    for name in (*SWITCHES, "test_random"):
        if not isinstance(raw.get(name, True), bool):
            yield f"{name} has to be true or false"


def _choices(raw: Mapping[str, Any]) -> Iterator[str]:
    asked: list[tuple[str, object, type[models.TextChoices]]] = [
        ("impact", raw["impact"], Impact),
        ("delisting", raw["delisting"], Delisting),
        ("confidence", raw["confidence"], Confidence),
        *(("code_impact", value, Impact) for value in raw.get("code_impact", {}).values()),
    ]
    for name, value, choices in asked:
        if value not in choices.values:
            yield f"{name} {value!r} is not known; use {_join(choices.values)}"
    if not raw["kinds"] or not set(raw["kinds"]) <= set(Kind):
        yield f"kinds {raw['kinds']!r}: name one or more of {_join(Kind)}"


def _zone_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    zone = str(raw["zone"])
    try:
        if target(zone.removeprefix(KEY_MARK)).kind is not Kind.domain or "." not in zone:
            yield f"zone {zone!r} is no domain name"
    except BadTarget as error:
        yield f"zone: {error}"
    if zone != zone.lower().rstrip("."):
        yield f"zone {zone!r}: write it in lower case, without a dot at the end"
    if zone.startswith(KEY_MARK) != bool(raw.get("key")):
        yield "a zone that begins with {key}. needs `key`, and no other may have it"


def _code_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    if not raw["codes"] and not raw.get("any_code"):
        yield "codes are missing: name the answers that are listings, or say any_code = true"
    texts = [*_codes(raw["codes"]), *raw.get("refused", ()), *raw.get("ignored", ())]
    for text in texts:
        if not _is_answer(text):
            yield f"{text!r} is no answer in 127.0.0.0/8"
    listings = {code for code in _codes(raw["codes"]) if code.startswith("127.255.255.")}
    for code in listings | (set(_codes(raw["codes"])) & set(raw.get("refused", ()))):
        yield f"{code} cannot be a listing and a refusal"
    for code in set(raw.get("code_impact", {})) - set(_codes(raw["codes"])):
        yield f"code_impact {code} is none of the codes"


def _point_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    for name in ("test_listed", "test_listed6", "test_unlisted"):
        if not (point := raw.get(name)):
            continue
        try:
            kind = target(point).kind
        except BadTarget as error:
            yield f"{name}: {error}"
            continue
        if kind not in raw["kinds"]:
            yield f"{name} {point} is of the kind {kind}, which the list has not"


def _number_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    for name, least in (("min_interval_s", SHORTEST_CADENCE), ("per_second", 0), ("per_day", 0)):
        value = raw.get(name, least)
        whole = isinstance(value, int) or (name == "per_second" and isinstance(value, float))
        if not whole or isinstance(value, bool) or value < least:
            yield f"{name} {value!r}: give a number of at least {least}"


def _contradictions(catalogue: Catalogue) -> Iterator[str]:
    for ident, entry in catalogue.lists.items():
        if why := catalogue.why_not(ident):
            yield f"list {ident}: {why}"
        for name, other in (("replaces", entry.replaces), ("included_in", entry.included_in)):
            if other and other not in catalogue.lists:
                yield f"list {ident}: {name} {other!r} is no list of the catalogue"


def _provider(raw: Mapping[str, Any]) -> Provider:
    try:
        return Provider(
            **{
                **raw,
                "kinds": frozenset(Kind(kind) for kind in raw["kinds"]),
                "impact": Impact(raw["impact"]),
                "delisting": Delisting(raw["delisting"]),
                "called": tuple(raw.get("called", ())),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogueBroken([f"provider {raw.get('name', '?')}: {error}"]) from None


def _all(
    entries: Sequence[Mapping[str, Any]],
    read_one: Callable[[Mapping[str, Any]], Read],
    problems: list[str],
) -> list[Read]:
    found = []
    for entry in entries:
        try:
            found.append(read_one(entry))
        except CatalogueBroken as broken:
            problems += broken.problems
    return found


def _twice(idents: Sequence[str]) -> list[str]:
    return [f"list {one}: is there twice" for one in sorted(set(idents)) if idents.count(one) > 1]


def _codes(raw: Mapping[str, str]) -> dict[str, str]:
    """Ranges of last octets are written out."""
    codes = {}
    for code, meaning in raw.items():
        if (found := _RANGE.fullmatch(code)) is None:
            codes[code] = meaning
            continue
        network, first, last = found.groups()
        codes |= {f"{network}.{octet}": meaning for octet in range(int(first), int(last) + 1)}
    return codes


def _points(kinds: frozenset[Kind], point: str | None, point6: str | None) -> dict[Kind, str]:
    found = [one for one in (point, point6) if one]
    return {target(one).kind: one for one in found if target(one).kind in kinds}


def _is_answer(text: str) -> bool:
    try:
        return IPv4Address(text).is_loopback
    except ValueError:
        return False


def _join(words: Any) -> str:
    return ", ".join(sorted(words))
