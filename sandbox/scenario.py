"""What the box holds: hosts, domains and their behaviours, names; read from a TOML file.

Everything is checked while it is read, so that a scenario that loads can be run. Addresses outside
127/8 are refused: nothing in the box can lead out of it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, get_args

from sandbox.dnsbl import STANDARD_TESTS, FaultKind, ListFault
from wire import dnsbl_names

DEFAULT = Path(__file__).with_name("internet.toml")

# "bounce": it is taken and kept, and returned with a report after some seconds.
Kind = Literal["accept", "greylist", "refuse", "slow", "drop", "bounce"]
# "after-data": the message has come, but is not kept. "after-store": it is kept, the reply is lost.
Moment = Literal["connect", "rcpt", "data", "after-data", "after-store"]
Tls = Literal["none", "offered", "broken"]
Fault = Literal["servfail", "refused", "timeout", "truncate"]
RecordType = Literal["A", "AAAA", "CNAME", "MX", "TXT", "PTR", "TLSA"]
# The certificate is for the host's own name or for another one.
Certificate = Literal["valid", "wrong-name"]
# TLSA records that name the host's certificate, another one, or nothing that SMTP can use.
Dane = Literal["none", "match", "mismatch", "unusable"]
StsMode = Literal["enforce", "testing", "none"]


class BadScenario(ValueError):
    """The file, the place in it, what is wrong, and what is allowed there."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a host answers. `at` is when a refusal or a drop happens; `seconds` is the wait of
    "slow" before each reply, the time "greylist" makes a newcomer wait, or that before a "bounce".
    In `text`, `{recipient}` stands for the recipient.
    """

    kind: Kind = "accept"
    at: Moment = "rcpt"
    code: int = 550
    text: str = "5.7.1 Refused"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A behaviour for the recipients of a domain whose local part begins so."""

    prefix: str
    behaviour: Behaviour


@dataclass(frozen=True, slots=True)
class Host:
    """A mail host. One that is `down` has names but listens to nobody; an `open_relay` takes mail
    for any domain; with a `login` it takes mail only after AUTH. `size` is the limit it offers, in
    octets.
    """

    name: str
    address: str
    tls: Tls = "offered"
    certificate: Certificate = "valid"
    dane: Dane = "none"
    size: int = 20 * 1024 * 1024
    smtputf8: bool = False
    down: bool = False
    open_relay: bool = False
    login: str = ""
    password: str = ""
    banner: Behaviour = Behaviour()


@dataclass(frozen=True, slots=True)
class Policy:
    """An MTA-STS policy; `mx` are host names, perhaps with `*.` before; `max_age` in seconds."""

    mode: StsMode
    mx: tuple[str, ...]
    id: str = "1"
    max_age: int = 86_400


@dataclass(frozen=True, slots=True)
class Domain:
    """A mail domain; `mx` are (preference, host name), (0, ".") is the null MX."""

    name: str
    mx: tuple[tuple[int, str], ...]
    behaviour: Behaviour = Behaviour()
    rules: tuple[Rule, ...] = ()
    sts: Policy | None = None


@dataclass(frozen=True, slots=True)
class Record:
    name: str
    type: RecordType
    value: str


@dataclass(frozen=True, slots=True)
class Blocklist:
    """A DNS blocklist: what it lists, and its test entries, each with its code."""

    zone: str
    entries: Mapping[str, str] = field(default_factory=dict)
    tests: Mapping[str, str] = field(default_factory=lambda: STANDARD_TESTS)
    fault: ListFault | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """`faults` are by lower-case A-label name; `domains` too. What is under a name in `signed` is
    answered as validated by DNSSEC.
    """

    hosts: tuple[Host, ...]
    domains: Mapping[str, Domain]
    records: tuple[Record, ...] = ()
    faults: Mapping[str, Fault] = field(default_factory=dict)
    signed: frozenset[str] = frozenset()
    blocklists: tuple[Blocklist, ...] = ()


def load(path: Path = DEFAULT) -> Scenario:
    """Read a scenario file; raises BadScenario, which names the file and the entry."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return parse(raw)
    except OSError as error:
        raise BadScenario(f"{path}: cannot be read ({error.strerror}); name another file") from None
    except (tomllib.TOMLDecodeError, BadScenario) as error:
        raise BadScenario(f"{path}: {error}") from None


def parse(raw: Mapping[str, Any]) -> Scenario:
    """A scenario from the tables of a file; raises BadScenario, which names the entry."""
    known = {"host", "domain", "record", "fault", "signed", "blocklist"}
    _only(raw, known, "the file")
    hosts = tuple(_host(entry) for entry in raw.get("host", []))
    domains = [_domain(entry) for entry in raw.get("domain", [])]
    scenario = Scenario(
        hosts=hosts,
        domains={domain.name: domain for domain in domains},
        records=tuple(_record(entry) for entry in raw.get("record", [])),
        faults={_name(e.get("name"), "fault"): _fault(e) for e in raw.get("fault", [])},
        signed=frozenset(_name(name, "signed") for name in raw.get("signed", [])),
        blocklists=tuple(_blocklist(entry) for entry in raw.get("blocklist", [])),
    )
    _check_names(scenario)
    return scenario


def _check_names(scenario: Scenario) -> None:
    names = [host.name for host in scenario.hosts]
    for name in names:
        if names.count(name) > 1:
            raise BadScenario(f"host {name}: is there twice; names must differ")
    for domain in scenario.domains.values():
        for _, target in domain.mx:
            if target != "." and target not in names:
                raise BadScenario(f"domain {domain.name}: MX {target} is no host of the file")


def _host(entry: Mapping[str, Any]) -> Host:
    where = f"host {entry.get('name', '?')}"
    _only(entry, set(Host.__dataclass_fields__), where)
    banner = _behaviour(entry.get("banner", {}), f"{where}: banner")
    checked = {
        **entry,
        "name": _name(entry.get("name"), where),
        "address": _address(entry.get("address"), where),
        "tls": _one_of(entry.get("tls", "offered"), Tls, f"{where}: tls"),
        "certificate": _one_of(entry.get("certificate", "valid"), Certificate, where),
        "dane": _one_of(entry.get("dane", "none"), Dane, f"{where}: dane"),
        "banner": replace(banner, at="connect"),
    }
    return Host(**checked)


def _domain(entry: Mapping[str, Any]) -> Domain:
    where = f"domain {entry.get('name', '?')}"
    _only(entry, {"name", "mx", "sts", "behaviour", "rule"}, where)
    rules = tuple(
        Rule(str(rule["prefix"]), _behaviour(_without_prefix(rule), f"{where}: rule"))
        for rule in entry.get("rule", [])
    )
    return Domain(
        name=_name(entry.get("name"), where),
        mx=tuple((int(preference), str(host)) for preference, host in entry.get("mx", [])),
        sts=_policy(entry["sts"], f"{where}: sts") if "sts" in entry else None,
        behaviour=_behaviour(entry.get("behaviour", {}), f"{where}: behaviour"),
        rules=rules,
    )


def _policy(entry: Mapping[str, Any], where: str) -> Policy:
    _only(entry, set(Policy.__dataclass_fields__), where)
    mode: StsMode = _one_of(entry.get("mode"), StsMode, f"{where}: mode")
    return Policy(**{**entry, "mode": mode, "mx": tuple(entry.get("mx", ()))})


def _without_prefix(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != "prefix"}


def _behaviour(entry: Mapping[str, Any], where: str) -> Behaviour:
    _only(entry, set(Behaviour.__dataclass_fields__), where)
    behaviour = Behaviour(**entry)
    _one_of(behaviour.kind, Kind, f"{where}: kind")
    _one_of(behaviour.at, Moment, f"{where}: at")
    if not 400 <= behaviour.code <= 599:
        raise BadScenario(f"{where}: code {behaviour.code} refuses nothing; use 400 to 599")
    return behaviour


def _record(entry: Mapping[str, Any]) -> Record:
    where = f"record {entry.get('name', '?')}"
    _only(entry, {"name", "type", "value"}, where)
    kind = _one_of(entry.get("type"), RecordType, f"{where}: type")
    value = str(entry.get("value", ""))
    if kind in ("A", "AAAA"):
        value = _address(value, where)
    return Record(_name(entry.get("name"), where), kind, value)


def _fault(entry: Mapping[str, Any]) -> Fault:
    where = f"fault {entry.get('name', '?')}"
    _only(entry, {"name", "kind"}, where)
    fault: Fault = _one_of(entry.get("kind"), Fault, f"{where}: kind")
    return fault


def _blocklist(entry: Mapping[str, Any]) -> Blocklist:
    where = f"blocklist {entry.get('zone', '?')}"
    _only(entry, set(Blocklist.__dataclass_fields__), where)
    zone = _name(entry.get("zone"), where)
    fault = _list_fault(entry["fault"], f"{where}: fault") if "fault" in entry else None
    try:
        for resource in (*entry.get("entries", {}), *entry.get("tests", {})):
            dnsbl_names.target(resource)
    except dnsbl_names.BadTarget as error:
        raise BadScenario(f"{where}: {error}") from None
    return Blocklist(**{**entry, "zone": zone, "fault": fault})


def _list_fault(entry: Mapping[str, Any], where: str) -> ListFault:
    _only(entry, set(ListFault.__dataclass_fields__), where)
    _one_of(entry.get("kind"), FaultKind, f"{where}: kind")
    return ListFault(**{**entry, "only": tuple(entry.get("only", ()))})


def _only(entry: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in entry:
        if key not in known:
            raise BadScenario(f"{where}: {key!r} is not known; use {', '.join(sorted(known))}")


def _one_of(value: object, choices: Any, where: str) -> Any:
    allowed = get_args(choices)
    if value not in allowed:
        raise BadScenario(f"{where}: {value!r} is not known; use {', '.join(allowed)}")
    return value


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadScenario(f"{where}: has no name")
    try:
        return as_dns_has_it(value)
    except UnicodeError as error:
        raise BadScenario(f"{where}: the name is no domain name ({error})") from None


def as_dns_has_it(name: str) -> str:
    """Lower case, A-labels; UnicodeError if it cannot be a domain name."""
    return name.lower() if name.isascii() else name.encode("idna").decode().lower()


def _address(value: object, where: str) -> str:
    try:
        address = ip_address(str(value))
    except ValueError:
        raise BadScenario(f"{where}: address {value!r} is no IP address") from None
    if not address.is_loopback:
        raise BadScenario(f"{where}: address {address} is outside 127.0.0.0/8 and ::1")
    return str(address)
