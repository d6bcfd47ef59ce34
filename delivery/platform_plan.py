"""What applying a platform file would do: the platform as it would be, beside what it is. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from delivery.models import IpState
from delivery.platform_file import NO_ROLE, TABLES, Entry, Problem

# Of new things, where the file says nothing.
DEFAULTS: dict[str, dict[str, Any]] = {
    "relay": {"port": 587, "tls": "starttls", "username": "", "password": ""},
    "pool": {
        "role": "normal",
        "tls": "opportunistic",
        "tls_minimum": "TLSv1.2",
        "carries_attachments": True,
        "relay": "",
        "ladder": (),
    },
    "ip": {"helo": "", "pool": "", "weight": 10, "state": "active"},
    "customer": {"pool": ""},
    "person": {"name": "", "language": "ja", "operator": NO_ROLE, "customers": {}},
    "dkim": {"record": "", "pem": ""},
}
REQUIRED = {
    "domain": ("helo", "envelope_domain"),
    "dkim": ("kind",),
    "segment": ("network",),
    "relay": ("host",),
    "pool": ("domain",),
    "ip": ("segment",),
    "customer": ("name",),
}
_SECRETS = frozenset({"password", "pem"})
_UNTOLD = frozenset({"record", "pem", "domain_name", "selector"})


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing of the platform: as it is stored (None: not yet) and as it would be.

    `place` is where the file names it; "" when the file does not.
    """

    table: str
    name: str
    before: Mapping[str, Any] | None = field(repr=False)  # both may hold passwords
    after: Mapping[str, Any] = field(repr=False)
    place: str

    @property
    def differs(self) -> bool:
        return self.before != self.after

    @property
    def changed(self) -> list[str]:
        """The names of the values that would change; all of them for a new thing."""
        before = self.before
        return [key for key, new in self.after.items() if before is None or before[key] != new]


def plan(file: Sequence[Entry], stored: Iterable[Entry]) -> list[Thing]:
    """Everything there would be, in the order of TABLES, the file's things first.

    What the file leaves out stays as it is; nothing is removed.
    """
    present = {(entry.table, entry.name): entry.values for entry in stored}
    named = {(entry.table, entry.name): entry for entry in file}
    things = [_thing(entry, present.get(key)) for key, entry in named.items()]
    things += [
        Thing(table, name, values, values, "")
        for (table, name), values in present.items()
        if (table, name) not in named
    ]
    return sorted(things, key=lambda thing: TABLES.index(thing.table))


def _thing(entry: Entry, before: Mapping[str, Any] | None) -> Thing:
    after = {**(DEFAULTS.get(entry.table, {}) if before is None else before), **entry.values}
    if before is not None and entry.table == "person":
        after["customers"] = {**before["customers"], **after["customers"]}
    if before is not None and entry.table == "dkim":
        after |= {"record": after["record"] or before["record"], "pem": before["pem"]}
    is_listed = before is not None and before.get("state") == IpState.LISTED
    if is_listed and after["state"] == IpState.ACTIVE:
        after["state"] = IpState.LISTED.value  # a file does not send through a listed IP
    return Thing(entry.table, entry.name, before, after, entry.place)


def doubles(file: Iterable[Entry]) -> list[Problem]:
    """What the file names twice."""
    entries = list(file)
    counts = Counter((entry.table, entry.name) for entry in entries)
    found = []
    for (table, name), count in counts.items():
        if count > 1:
            twice = [entry for entry in entries if (entry.table, entry.name) == (table, name)]
            places = " and ".join(entry.place for entry in twice)
            rule = "; an IP belongs to one pool" if table == "ip" else ""
            found.append(Problem(places, f"{name} is there twice{rule}"))
    return found


def gaps(things: Iterable[Thing]) -> list[Problem]:
    """What new things lack."""
    return [
        Problem(thing.place, f"{key} is missing, and a new {thing.table} needs it")
        for thing in things
        if thing.before is None
        for key in REQUIRED.get(thing.table, ())
        if key not in thing.after
    ]


def words(thing: Thing) -> str:
    """One line about a change, without secrets."""
    told = [key for key in thing.changed if key not in _UNTOLD]
    before = thing.before
    if before is None:
        parts = ", ".join(f"{key} {_shown(key, thing.after[key])}" for key in told)
        return f"add {thing.table} {thing.name}" + (f": {parts}" if parts else "")
    parts = ", ".join(
        f"{key} {_shown(key, before[key])} -> {_shown(key, thing.after[key])}" for key in told
    )
    return f"change {thing.table} {thing.name}: {parts}"


def _shown(key: str, value: Any) -> str:
    if key in _SECRETS and value:
        return "(not shown)"
    if isinstance(value, tuple):
        return " > ".join(value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {word}" for name, word in value.items()) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value) or "none"


def remarks(things: Iterable[Thing]) -> list[str]:
    """What an operator should know before, though nothing is wrong."""
    found = list(things)
    said = [
        f"ip {thing.name} stays out of rotation: a blocklist has it"
        for thing in found
        if thing.place and thing.after.get("state") == IpState.LISTED
    ]
    left = [f"{thing.table} {thing.name}" for thing in found if not thing.place]
    if left:
        shown = ", ".join(left[:10]) + (f" and {len(left) - 10} more" if len(left) > 10 else "")
        said.append(
            f"not in the file and left as it is: {shown}. Removing something from the file does "
            'not remove it; state = "retired" takes an IP out of use'
        )
    return said


def outcome(things: Iterable[Thing]) -> list[Entry]:
    """The platform as it would be."""
    return [Entry(thing.table, thing.name, thing.after) for thing in things]
