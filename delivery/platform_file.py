"""A platform as a TOML file: read with everything that is wrong said at once, and written.

Knows the form of the file only; whether names exist and agree is delivery.platform_checks.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from customers.models import OperatorRole, Role
from delivery import platform_values as values
from delivery.models import DkimKind, IpState, PoolRole, RelayTls, TlsMinimum, TlsUse
from delivery.platform_values import Reader
from wire import dkim

NO_ROLE = "none"
# Order of the file, and in which things are made: each needs only what stands before it.
TABLES = ("domain", "dkim", "segment", "relay", "pool", "ip", "customer", "person")
KEYS = {
    "domain": "name",
    "dkim": "selector",
    "segment": "name",
    "relay": "name",
    "pool": "name",
    "ip": "address",
    "customer": "slug",
    "person": "email",
}
# "listed" is set and lifted by the blocklist watch only.
IP_STATES = tuple(state.value for state in IpState if state is not IpState.LISTED)
_HIDDEN = frozenset({"password", "record", "pem", "domain_name"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that cannot be applied: where in the file, and what is wrong with it."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class PlatformRefused(ValueError):
    """A platform file that cannot be applied. `problems` are all that were found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of the platform, with those of its values that are said; `place` is for people.

    `name` is unique within `table`; that of a DKIM key is "selector._domainkey.domain".
    """

    table: str
    name: str
    values: Mapping[str, Any] = field(repr=False)  # may hold passwords
    place: str = field(compare=False, default="")


def readers(directory: Path, variables: Mapping[str, str]) -> dict[str, dict[str, Reader]]:
    """Table -> key -> reader. Files are named from `directory`, passwords may be `variables`."""
    name = values.text()
    return {
        "domain": {
            "name": values.domain_name,
            "helo": values.host_name,
            "envelope_domain": values.domain_name,
        },
        "dkim": {
            "selector": values.selector,
            "kind": values.one_of(*DkimKind.values),
            "key": values.pem_file(directory),
        },
        "segment": {"name": name, "network": values.network},
        "relay": {
            "name": name,
            "host": values.host,
            "port": values.number(1, 65535),
            "tls": values.one_of(*RelayTls.values),
            "username": values.text(most=254, least=0),
            "password_env": values.environment_variable(variables),
            "password_file": values.password_file(directory),
        },
        "pool": {
            "name": name,
            "role": values.one_of(*PoolRole.values),
            "domain": values.domain_name,
            "tls": values.one_of(*TlsUse.values),
            "tls_minimum": values.one_of(*TlsMinimum.values),
            "carries_attachments": values.boolean,
            "relay": values.text(least=0),
            "ladder": values.texts,
        },
        "ip": {
            "address": values.address,
            "helo": values.or_nothing(values.host_name),
            "segment": name,
            "pool": values.text(least=0),
            "weight": values.number(1, 100),
            "state": values.one_of(*IP_STATES),
        },
        "customer": {"slug": values.slug, "name": values.text(most=120), "pool": name},
        "person": {
            "email": values.email,
            "name": values.text(most=100, least=0),
            "language": values.one_of(*dict(settings.LANGUAGES)),
            "operator": values.one_of(*(role.value or NO_ROLE for role in OperatorRole)),
            "customers": values.texts_by_name(*Role.values),
        },
    }


def load(path: Path, *, variables: Mapping[str, str]) -> list[Entry]:
    """The entries of a file, in the file's order. PlatformRefused names all that is wrong."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlatformRefused([Problem(str(path), f"cannot be read ({error.strerror})")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlatformRefused([Problem(str(path), f"is no TOML: {error}")]) from None
    entries, problems = parse(raw, directory=path.parent, variables=variables)
    if problems:
        raise PlatformRefused(problems)
    return entries


def parse(
    raw: Mapping[str, Any], *, directory: Path, variables: Mapping[str, str]
) -> tuple[list[Entry], list[Problem]]:
    """Entries and what is wrong with them."""
    reading = _Reading(readers(directory, variables))
    for table, tables in raw.items():
        if table not in TABLES or table == "dkim":
            known = ", ".join(name for name in TABLES if name != "dkim")
            reading.problems.append(Problem("the file", f"{table!r} is not known; use {known}"))
        elif not _is_tables(tables):
            reading.problems.append(Problem(table, f"use [[{table}]] for each of them"))
        else:
            reading.add_all(table, tables)
    return reading.entries, reading.problems


class _Reading:
    """The entries read so far, and the problems."""

    def __init__(self, known: Mapping[str, Mapping[str, Reader]]) -> None:
        self.known = known
        self.entries: list[Entry] = []
        self.problems: list[Problem] = []

    def add_all(self, table: str, tables: list[dict[str, Any]]) -> None:
        for number, raw in enumerate(tables, start=1):
            keys = self._add_dkim(raw, number) if table == "domain" else raw
            self._add(table, keys, f"[[{table}]] {number}{_label(raw.get(KEYS[table]))}")

    def _add_dkim(self, raw: Mapping[str, Any], number: int) -> dict[str, Any]:
        """Adds a domain's keys; the domain without them."""
        keys = raw.get("dkim", [])
        where = f"[[domain]] {number}{_label(raw.get('name'))}"
        if not _is_tables(keys):
            self.problems.append(Problem(where, "use [[domain.dkim]] for each key"))
            keys = []
        for at, key in enumerate(keys, start=1):
            place = f"{where}, dkim {at}{_label(key.get('selector'))}"
            self._add("dkim", key, place, owner=_owner(raw.get("name")))
        return {name: value for name, value in raw.items() if name != "dkim"}

    def _add(self, table: str, raw: Mapping[str, Any], place: str, *, owner: str = "") -> None:
        read = {key: found for key, value in raw.items()
                for found in self._read(table, key, value, place)}  # fmt: skip
        name = read.pop(KEYS[table], None)
        if name is None:
            if KEYS[table] not in raw:
                self.problems.append(Problem(place, f"{KEYS[table]} is missing"))
            return
        if table == "dkim":
            read |= {"domain_name": owner, "selector": name}
            name = f"{name}._domainkey.{owner}"
        self.entries.append(Entry(table, name, _with_secrets(read), place))

    def _read(self, table: str, key: str, value: Any, place: str) -> Iterator[Any]:
        """The value, or nothing and a problem."""
        reader = self.known[table].get(key)
        if reader is None:
            allowed = ", ".join(self.known[table])
            self.problems.append(Problem(place, f"{key!r} is not known; use {allowed}"))
            return
        try:
            yield reader(value)
        except values.Wrong as wrong:
            self.problems.append(Problem(f"{place}, {key}", str(wrong)))


def _owner(name: Any) -> str:
    """The domain's name in its normal form; a bad one has been told already."""
    try:
        return values.domain_name(name)
    except values.Wrong:
        return ""


def _with_secrets(read: dict[str, Any]) -> dict[str, Any]:
    """Secrets under one name, wherever they came from; a DKIM key with what DNS has to say."""
    for key in ("password_env", "password_file"):
        if key in read:
            read["password"] = read.pop(key)
    if "key" in read:
        read["pem"] = read.pop("key")
        read["record"] = dkim.dns_record(read["pem"])
    return read


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _label(name: Any) -> str:
    return f' "{name}"' if isinstance(name, str) else ""


def write(entries: Iterable[Entry]) -> str:
    """The entries as a file that `load` reads; no secret is in it."""
    found = sorted(entries, key=lambda entry: TABLES.index(entry.table))
    keys = [entry for entry in found if entry.table == "dkim"]
    blocks = []
    for entry in found:
        if entry.table == "dkim":
            continue
        blocks.append(_block(f"[[{entry.table}]]", KEYS[entry.table], entry.name, entry))
        blocks += [
            _block("[[domain.dkim]]", "selector", key.values["selector"], key)
            for key in keys
            if entry.table == "domain" and key.values["domain_name"] == entry.name
        ]
    return "\n".join(blocks)


def _block(head: str, key: str, name: str, entry: Entry) -> str:
    lines = [head, f"{key} = {_toml(name)}"]
    for key_, value in entry.values.items():
        if key_ == "password" and value:
            lines.append("# a password is stored and stays; password_env = or password_file = "
                         "give another")  # fmt: skip
        elif key_ == "state" and value not in IP_STATES:
            lines.append("# out of rotation while a blocklist has it")
        elif key_ not in _HIDDEN and key_ != key and (entry.table, value) != ("customer", ""):
            lines.append(f"{key_} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """TOML's strings, numbers, booleans and lists are written as JSON's."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
