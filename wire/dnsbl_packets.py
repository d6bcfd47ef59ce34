"""DNS messages of the blocklist watch: octets to values. Pure.

A sweep reads hundreds of thousands of answers. Nearly all say "no such name", and the next most
are addresses of the very name: these are read by hand, all others by dnspython.
"""

from dataclasses import dataclass
from functools import lru_cache
from struct import Struct, error

import dns.exception
import dns.message
import dns.rdatatype

_HEADER = Struct("!HHHHHH")
_RECORD = Struct("!HHIH")
_SECONDS = Struct("!I")
_RESPONSE, _OPCODE, _TRUNCATED, _RECURSE, _RCODE = 0x8000, 0x7800, 0x0200, 0x0100, 0x000F
_NOERROR, _NXDOMAIN, _REFUSED, _NOTAUTH = 0, 3, 5, 9
_NAMES = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED", 9: "NOTAUTH"}
_NS, _SOA = 2, 6
# A pointer to the question's name, type A, class IN; then the TTL, a length of 4, the address.
_OWN_ADDRESS, _ADDRESS_SIZE = b"\xc0\x0c\0\1\0\1", 16
_HEADER_SIZE = _HEADER.size
LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """Records of the asked type: address texts, or texts."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """No such name, or no such record; to be remembered for `ttl` seconds (RFC 2308 5)."""

    ttl: int


@dataclass(frozen=True, slots=True)
class Denied:
    """The server does not answer us: REFUSED, NOTAUTH."""

    why: str


@dataclass(frozen=True, slots=True)
class Broken:
    """SERVFAIL and its like, a referral, or no sound message."""

    why: str


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer in time, or nobody listens."""

    why: str


@dataclass(frozen=True, slots=True)
class Truncated:
    """To be asked again over TCP."""


Reply = Found | Absent | Denied | Broken | Silent | Truncated
_TRUNCATION = Truncated()


# Behind the id: recursion desired, one question.
_QUERY = b"\1\0\0\1\0\0\0\0\0\0"


def query(ident: bytes, question: bytes) -> bytes:
    """A query that asks for recursion; `ident` are two octets."""
    return ident + _QUERY + question


def read(data: bytes, question: bytes) -> Reply | None:
    """What a message says to a question; None when it is no answer to it.

    The caller has compared the id. Names are compared without case (RFC 4343).
    """
    if len(data) < _HEADER_SIZE:
        return None
    _, flags, questions, answers, authorities, _ = _HEADER.unpack_from(data)
    if not flags & _RESPONSE or flags & _OPCODE:
        return None
    rcode = flags & _RCODE
    end = _HEADER_SIZE + len(question)
    asked = data[_HEADER_SIZE:end]
    if questions != 1 or (asked != question and asked.lower() != question):
        # A server that could not read us need not say what it did not read (RFC 1035 4.1.1).
        return _failure(rcode) if questions == 0 and rcode not in (_NOERROR, _NXDOMAIN) else None
    if flags & _TRUNCATED:
        return _TRUNCATION
    if rcode == _NXDOMAIN or (rcode == _NOERROR and not answers):
        return _absent(data[end:], answers, authorities, rcode)
    return _present(data, end, answers) if rcode == _NOERROR else _failure(rcode)


def _failure(rcode: int) -> Reply:
    name = _NAMES.get(rcode, f"rcode {rcode}")
    return Denied(name) if rcode in (_REFUSED, _NOTAUTH) else Broken(name)


@lru_cache(maxsize=256)  # a pure function of its octets: a list says the same of all names
def _absent(data: bytes, answers: int, authorities: int, rcode: int) -> Reply:
    """`data` is what follows the question; `answers` are CNAMEs to a name that does not exist."""
    referred = False
    at = 0
    try:
        for number in range(answers + authorities):
            at = _after_name(data, at)
            kind, _, ttl, size = _RECORD.unpack_from(data, at)
            at += _RECORD.size + size
            if at > len(data):
                return Broken("a message cut short")
            if kind == _SOA and number >= answers:
                return Absent(min(ttl, _SECONDS.unpack_from(data, at - 4)[0]))
            referred = referred or kind == _NS
    except (error, IndexError):
        return Broken("a message cut short")
    # Only NS records: a server that sends us elsewhere (RFC 2308 2.2) has not looked.
    return Broken("a referral") if referred and rcode == _NOERROR else Absent(0)


def _after_name(data: bytes, at: int) -> int:
    while (length := data[at]) and length < 0xC0:
        at += length + 1
    return at + (2 if length else 1)


def _present(data: bytes, at: int, answers: int) -> Reply:
    return _own_addresses(data, at, answers) or _records(data)


def _own_addresses(data: bytes, at: int, answers: int) -> Reply | None:
    """A records of the question's own name and nothing else; None where it is not as plain."""
    values = []
    for start in range(at, at + answers * _ADDRESS_SIZE, _ADDRESS_SIZE):
        record = data[start : start + _ADDRESS_SIZE]
        if record[:6] != _OWN_ADDRESS or record[10:12] != b"\0\4" or len(record) < _ADDRESS_SIZE:
            return None
        values.append(".".join(map(str, record[12:])))
    return Found(tuple(values))


def _records(data: bytes) -> Reply:
    try:
        message = dns.message.from_wire(data)
        chain = (
            message.resolve_chaining() if isinstance(message, dns.message.QueryMessage) else None
        )
    except dns.exception.DNSException as fault:
        return Broken(f"no sound message ({type(fault).__name__})")
    if chain is None or chain.answer is None:
        # CNAMEs that lead to nothing of the asked type.
        return Absent(chain.minimum_ttl if chain else 0)
    if chain.answer.rdtype == dns.rdatatype.TXT:
        return Found(tuple(_text(record.strings) for record in chain.answer))
    return Found(tuple(record.to_text() for record in chain.answer))


def _text(strings: tuple[bytes, ...]) -> str:
    """A TXT record as one line for people; what cannot be printed is left out."""
    text = b"".join(strings)[:LONGEST_TEXT].decode("utf-8", "replace")
    return "".join(sign for sign in text if sign.isprintable())
