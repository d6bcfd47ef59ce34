"""Blocklists of the box: zones that list what they are told to, and fail where they are told to.

Works on octets, thousands of queries a second: a benchmark of the watch must not measure this.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random
from struct import Struct, pack
from typing import Literal, NamedTuple

from wire.dnsbl_names import TXT, A, target, zone_labels

TTL = 60
QUESTION_AT = 12
COUNTS = Struct("!HHHHH")  # a header behind its id
RECORD = Struct("!HHHIH")
SAME_NAME = 0xC00C  # a pointer to the question (RFC 1035 4.1.4)
RESPONSE, TRUNCATED, RD = 0x8080, 0x0200, 0x0100  # the first says "recursion available" too
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
IN, SOA = 1, 6
LONGEST_LABEL = 63
LONGEST_TEXT = 200

# "answers": one address for every name; "rewrites": one for each that is not listed; "empty":
# nothing is listed, not even the test entries; "loses": a share of the queries has no answer.
FaultKind = Literal[
    "answers", "rewrites", "empty", "refuses", "fails", "silent", "loses", "truncates"
]
STANDARD_TESTS: Mapping[str, str] = dict.fromkeys(
    ("127.0.0.2", "::ffff:7f00:2", "test"), "127.0.0.2"
)
RCODES: Mapping[FaultKind, int] = {"refuses": REFUSED, "fails": SERVFAIL}


@dataclass(frozen=True, slots=True)
class ListFault:
    """What is wrong with a list. `address` is for "answers" and "rewrites", `share` for "loses".
    With `only`, for these resources and no others: the list's self-test goes well.
    """

    kind: FaultKind
    address: str = "127.0.0.2"
    share: float = 0.5
    only: tuple[str, ...] = ()


@dataclass(slots=True)
class BoxList:
    """One list; `entries` by labels (wire form, before the zone): codes and the reason."""

    zone: str
    entries: dict[bytes, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    fault: ListFault | None = None


class _Query(NamedTuple):
    """A query about a list: `question` is its octets, `labels` what stands before the zone."""

    head: bytes
    question: bytes
    labels: bytes
    kind: int


class Blocklists:
    """All lists of a box. Lists, entries and faults may change while it is asked."""

    def __init__(self, *, random: Random | None = None) -> None:
        self.asked = 0
        self._lists: dict[bytes, BoxList] = {}
        self._random = random or Random()  # noqa: S311  # the chance of a simulation
        self._soa = _soa()

    def add(
        self,
        zone: str,
        *,
        tests: Mapping[str, str] = STANDARD_TESTS,
        fault: ListFault | None = None,
    ) -> None:
        """A list with test entries (resource -> code)."""
        self._lists[zone_labels(zone)] = BoxList(zone, fault=fault)
        for resource, code in tests.items():
            self.enter(zone, resource, code, text="Test entry")

    def enter(self, zone: str, resource: str, *codes: str, text: str = "") -> None:
        """List an address or a domain, until it is removed. KeyError: no such list."""
        entry = (codes or ("127.0.0.2",), text)
        self._lists[zone_labels(zone)].entries[target(resource).labels] = entry

    def remove(self, zone: str, resource: str) -> None:
        """Delist it; nothing happens where it is not listed."""
        self._lists[zone_labels(zone)].entries.pop(target(resource).labels, None)

    def break_down(self, zone: str, fault: ListFault | None) -> None:
        """From now on the list has this fault; None: it works."""
        self._lists[zone_labels(zone)].fault = fault

    def respond(self, query: bytes, *, over_tcp: bool) -> tuple[bool, bytes | None]:
        """Whether a query is about a list, and the answer; None to say nothing."""
        found = self._find(query)
        if found is None:
            return False, None
        held, asked = found
        self.asked += 1
        fault = held.fault
        if fault is None or (fault.only and asked.labels not in map(_labels, fault.only)):
            return True, self._honest(held, asked)
        return True, self._faulty(held, fault, asked, over_tcp=over_tcp)

    def _find(self, query: bytes) -> tuple[BoxList, _Query] | None:
        """Before a list's zone there are four labels most often, an IPv4 address: try it first."""
        end = query.find(b"\0", QUESTION_AT)
        if not QUESTION_AT < end < len(query) - 4:
            return None
        name = query[QUESTION_AT : end + 1].lower()
        starts = _label_starts(name)
        for start in (*starts[4:5], *starts):
            held = self._lists.get(name[start:])
            if held is not None:
                question = query[QUESTION_AT : end + 5]
                return held, _Query(query[:4], question, name[:start], query[end + 2])
        return None

    def _honest(self, held: BoxList, asked: _Query) -> bytes:
        entry = held.entries.get(asked.labels)
        if entry is None:
            return self._absent(asked, NXDOMAIN if asked.labels else NOERROR)
        codes, text = entry
        if asked.kind == A:
            return _addresses(asked, codes)
        return _text(asked, text) if asked.kind == TXT and text else self._absent(asked, NOERROR)

    def _faulty(
        self, held: BoxList, fault: ListFault, asked: _Query, *, over_tcp: bool
    ) -> bytes | None:
        if self._says_nothing(fault):
            return None
        if fault.kind in RCODES:
            return _answer(asked, RCODES[fault.kind])
        if fault.kind == "truncates" and not over_tcp:
            return _answer(asked, TRUNCATED)
        if fault.kind == "empty":
            return self._absent(asked, NXDOMAIN)
        spared = fault.kind == "rewrites" and asked.labels in held.entries
        if fault.kind in ("answers", "rewrites") and asked.kind == A and not spared:
            return _addresses(asked, (fault.address,))
        return self._honest(held, asked)

    def _says_nothing(self, fault: ListFault) -> bool:
        lost = fault.kind == "loses" and self._random.random() < fault.share
        return lost or fault.kind == "silent"

    def _absent(self, asked: _Query, rcode: int) -> bytes:
        return _answer(asked, rcode, authority=self._soa)


def _label_starts(name: bytes) -> list[int]:
    """Where labels begin; none where the name is compressed or cut short."""
    starts = []
    at = 0
    while at < len(name) and (length := name[at]):
        if length > LONGEST_LABEL:
            return []
        starts.append(at)
        at += length + 1
    return starts


def _answer(
    asked: _Query, flags: int, answers: tuple[bytes, ...] = (), authority: bytes = b""
) -> bytes:
    flags |= RESPONSE | (asked.head[2] << 8 & RD)
    head = COUNTS.pack(flags, 1, len(answers), 1 if authority else 0, 0)
    return b"".join((asked.head[:2], head, asked.question, *answers, authority))


def _addresses(asked: _Query, addresses: tuple[str, ...]) -> bytes:
    head = RECORD.pack(SAME_NAME, A, IN, TTL, 4)
    records = tuple(head + IPv4Address(address).packed for address in addresses)
    return _answer(asked, NOERROR, records)


def _text(asked: _Query, text: str) -> bytes:
    octets = text.encode()[:LONGEST_TEXT]
    head = RECORD.pack(SAME_NAME, TXT, IN, TTL, len(octets) + 1)
    return _answer(asked, NOERROR, (head + bytes((len(octets),)) + octets,))


def _labels(resource: str) -> bytes:
    return target(resource).labels


def _soa() -> bytes:
    """The record of the whole box, whose names are all of one zone: the root."""
    octets = zone_labels("ns.sandbox.test") + zone_labels("hostmaster.sandbox.test")
    octets += pack("!5I", 1, 3600, 600, 86400, TTL)
    return b"\0" + RECORD.pack(0, SOA, IN, TTL, len(octets))[2:] + octets
