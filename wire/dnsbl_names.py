"""Names under which blocklists are asked, in DNS wire form (RFC 5782 2.1, 2.4, 3). Pure."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import pack

import dns.exception
import dns.name

from wire.dnsbl_answers import Kind

A, TXT = 1, 16
IN = 1
LONGEST_NAME = 255  # octets, the root included (RFC 1035 2.3.4)
TYPE_AND_CLASS = 4
# Most names need no IDNA: letters, digits, hyphens and underscores, in labels of 63 at most.
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")


class BadTarget(ValueError):
    """A text that is neither an address nor a domain; it is named."""


@dataclass(frozen=True, slots=True)
class Target:
    """A resource to ask about: `labels` stand before the zone, in wire form without the root."""

    kind: Kind
    text: str
    labels: bytes


def target(text: str) -> Target:
    """An IPv4 or IPv6 address, or a domain in U- or A-labels; BadTarget for anything else."""
    try:
        address = ip_address(text)
    except ValueError:
        return Target(Kind.domain, text, _domain(text))
    return ip_target(address)


def ip_target(address: IPv4Address | IPv6Address) -> Target:
    """Octets, or all 32 nibbles, in reverse order."""
    kind = Kind.ip4 if address.version == 4 else Kind.ip6
    labels = address.reverse_pointer.rsplit(".", 2)[0].split(".")
    return Target(kind, str(address), b"".join(_label(label.encode()) for label in labels))


def zone_labels(zone: str) -> bytes:
    """A zone in wire form with the root; BadTarget when it is no name."""
    return _domain(zone) + b"\0"


def tail(zone: str, kind: int) -> bytes:
    """What follows the labels of a target in each question to a list."""
    return zone_labels(zone) + pack("!HH", kind, IN)


def question(target: Target, tail: bytes) -> bytes | None:
    """The question section for a target on a list; None when no name can be so long."""
    asked = target.labels + tail
    return asked if len(asked) <= LONGEST_NAME + TYPE_AND_CLASS else None


def plain_question(name: str, kind: int) -> bytes:
    """The question section for any name; BadTarget when it is none."""
    return tail(name, kind)


def _domain(text: str) -> bytes:
    if _PLAIN.fullmatch(text) and len(text) < LONGEST_NAME - 1:
        labels = text.lower().encode().split(b".")
    else:
        labels = _by_idna(text)
    if not labels:
        raise BadTarget(f"{text!r} is neither an IP address nor a domain name; correct it")
    return b"".join(_label(label) for label in labels)


def _by_idna(text: str) -> list[bytes]:
    """Labels of a name with U-labels or a dot at its end; none when it is no host's or domain's."""
    try:
        name = dns.name.from_text(text, idna_codec=dns.name.IDNA_2008_Practical).canonicalize()
    except (dns.exception.DNSException, UnicodeError):
        return []
    labels = [label for label in name.labels if label]
    return labels if _PLAIN.fullmatch(b".".join(labels).decode("latin-1")) else []


def _label(octets: bytes) -> bytes:
    return bytes((len(octets),)) + octets
