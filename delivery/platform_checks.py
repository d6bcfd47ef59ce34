"""Whether a planned platform fits together: names that exist, IPs inside their networks, ladders
without quarantine pools, no password in the clear. Pure; every problem is said, with its place.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from delivery.models import PoolRole, RelayTls
from delivery.platform_file import Entry, Problem
from delivery.platform_plan import Thing, doubles, gaps

Known = Mapping[str, Mapping[str, Mapping[str, Any]]]  # table -> name -> values


def problems(file: Sequence[Entry], things: Sequence[Thing]) -> list[Problem]:
    """Everything that stands in the way of applying the file."""
    found = doubles(file) + gaps(things)
    if found:  # what follows would only say the same again in other words
        return found
    known: dict[str, dict[str, Mapping[str, Any]]] = {}
    for thing in things:
        known.setdefault(thing.table, {})[thing.name] = thing.after
    return [
        Problem(thing.place or f"the stored {thing.table} {thing.name}", text)
        for thing in things
        for text in _CHECKS.get(thing.table, _nothing)(thing, known)
    ] + _shared(things, "segment", "network") + _shared(things, "customer", "name")  # fmt: skip


def _nothing(thing: Thing, known: Known) -> Iterator[str]:
    return iter(())


def _dkim(thing: Thing, known: Known) -> Iterator[str]:
    values, before = thing.after, thing.before
    if before and (values["record"] != before["record"] or values["kind"] != before["kind"]):
        yield (
            "this selector has another key already, and receivers remember it: give the new key "
            "a new selector"
        )
    elif values["record"] and f"k={values['kind'].partition('-')[0]};" not in values["record"]:
        yield f"the key in the file is not of the kind {values['kind']}"


def _relay(thing: Thing, known: Known) -> Iterator[str]:
    values = thing.after
    if values["username"] and values["tls"] == RelayTls.NONE:
        yield (
            "a username with tls none: the password would go in the clear; use starttls or "
            "implicit, or no username"
        )
    if bool(values["username"]) != bool(values["password"]):
        yield "username and password go together: give password_env or password_file, or neither"


def _pool(thing: Thing, known: Known) -> Iterator[str]:
    values, pools = thing.after, known["pool"]
    yield from _unknown(known, "domain", [values["domain"]])
    yield from _unknown(known, "relay", [values["relay"]] if values["relay"] else [])
    yield from _unknown(known, "pool", values["ladder"], what="ladder: pool")
    if thing.name in values["ladder"]:
        yield "ladder: a pool cannot be its own fallback"
    if len(set(values["ladder"])) < len(values["ladder"]):
        yield "ladder: one pool is there twice"
    if values["role"] == PoolRole.QUARANTINE and values["ladder"]:
        yield "ladder: a quarantine pool has none; say ladder = []"
    for rung in values["ladder"]:
        if pools.get(rung, {}).get("role") == PoolRole.QUARANTINE and rung != thing.name:
            yield f"ladder: {rung} is a quarantine pool; clean mail never goes through it"


def _ip(thing: Thing, known: Known) -> Iterator[str]:
    values = thing.after
    yield from _unknown(known, "pool", [values["pool"]] if values["pool"] else [])
    yield from _unknown(known, "segment", [values["segment"]])
    segment = known.get("segment", {}).get(values["segment"])
    if segment and ip_address(thing.name) not in ip_network(segment["network"]):
        yield f"{thing.name} is outside its segment {values['segment']}, {segment['network']}"


def _customer(thing: Thing, known: Known) -> Iterator[str]:
    name = thing.after["pool"]
    yield from _unknown(known, "pool", [name] if name else [])
    role = known.get("pool", {}).get(name, {}).get("role", PoolRole.NORMAL)
    if role != PoolRole.NORMAL:
        yield f"pool {name} is a {role} pool; a customer's home is a normal pool"


def _person(thing: Thing, known: Known) -> Iterator[str]:
    yield from _unknown(known, "customer", thing.after["customers"])


_CHECKS = {
    "dkim": _dkim,
    "relay": _relay,
    "pool": _pool,
    "ip": _ip,
    "customer": _customer,
    "person": _person,
}


def _unknown(known: Known, table: str, names: Iterable[str], *, what: str = "") -> Iterator[str]:
    there = known.get(table, {})
    for name in names:
        if name not in there:
            some = ", ".join(list(there)[:10]) or "none yet"
            yield f"{what or table} {name!r} is not known; known are {some}"


def _shared(things: Iterable[Thing], table: str, key: str) -> list[Problem]:
    """Values that must differ and do not."""
    seen: dict[str, Thing] = {}
    found = []
    for thing in things:
        if thing.table == table:
            first = seen.setdefault(thing.after[key], thing)
            if first is not thing:
                text = f"{key} {thing.after[key]} is that of {first.name} too"
                found.append(Problem(thing.place or first.place, text))
    return found
