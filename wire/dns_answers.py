"""What DNS said about mail hosts, texts, addresses and certificates; `Unknown` is never "no"."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MailHost:
    """One host that takes a domain's mail; addresses are texts, IPv6 before IPv4.

    `tlsa_bases` are the names to ask for TLSA records, in order (RFC 7672 2.2.3): none unless
    DNSSEC vouches for everything that led to the addresses.
    """

    name: str
    preference: int
    addresses: tuple[str, ...]
    tlsa_bases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Hosts to try, in order; implicit when they come from the domain's own A or AAAA."""

    hosts: tuple[MailHost, ...]
    implicit: bool


@dataclass(frozen=True, slots=True)
class NullMx:
    """The domain says that it takes no mail (RFC 7505)."""


@dataclass(frozen=True, slots=True)
class NoSuchDomain:
    """The name does not exist (NXDOMAIN), or cannot: it breaks the rules for names."""


@dataclass(frozen=True, slots=True)
class NoMailHost:
    """The domain exists, but no host for its mail does."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody could tell: SERVFAIL, timeout, refused. Ask again later."""

    why: str


@dataclass(frozen=True, slots=True)
class Texts:
    """TXT records, each with its strings joined; empty when the name has none."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """IPv6, then IPv4 addresses of a name; empty when it has none.

    `secure`: validated by DNSSEC; `canonical` is then the name at the end of the CNAMEs.
    """

    values: tuple[str, ...]
    secure: bool = False
    canonical: str = ""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record (RFC 6698 2.1): numbers as they are, `data` the octets to compare."""

    usage: int
    selector: int
    matching: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TlsaRecords:
    """Those that DNSSEC vouches for; empty when there are none, or none validated."""

    values: tuple[Tlsa, ...]


MailAnswer = Found | NullMx | NoSuchDomain | NoMailHost | Unknown
TextAnswer = Texts | NoSuchDomain | Unknown
AddressAnswer = Addresses | NoSuchDomain | Unknown
TlsaAnswer = TlsaRecords | Unknown
