"""The DNS records that a platform needs, as lines of a zone file. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from delivery import tls_setup
from delivery.models import IpState, SendingDomain
from delivery.platform_file import Entry

OCTETS = 255  # of one string of a TXT record (RFC 1035 section 3.3.14)


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `value` is as a zone file has it."""

    name: str
    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}. IN {self.type} {self.value}"


@dataclass(frozen=True, slots=True)
class Zone:
    """What one sending domain needs; `remarks` say what the records cannot."""

    domain: str
    records: tuple[Record, ...]
    remarks: tuple[str, ...]


def zones(entries: Sequence[Entry]) -> list[Zone]:
    """One for each sending domain, from all entries of the platform. Retired IPs do not count."""
    of: dict[str, dict[str, Mapping[str, Any]]] = {}
    for entry in entries:
        of.setdefault(entry.table, {})[entry.name] = entry.values
    return [_zone(name, values, of) for name, values in of.get("domain", {}).items()]


def _zone(
    domain: str, values: Mapping[str, Any], of: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Zone:
    pools = {name: pool for name, pool in of.get("pool", {}).items() if pool["domain"] == domain}
    ips = {
        address: ip["helo"] or values["helo"]
        for address, ip in of.get("ip", {}).items()
        if ip["pool"] in pools and ip["state"] != IpState.RETIRED
    }
    keys = [key for key in of.get("dkim", {}).values() if key["domain_name"] == domain]
    row = SendingDomain(name=domain, **values)  # not stored: the form in which tls_setup asks
    records = (
        *_hosts(ips),
        *_envelope(values["envelope_domain"], values["helo"], ips),
        *(txt(record.name, record.value) for record in tls_setup.setup(row).reporting),
        *_dkim(domain, keys),
        txt(f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"),
    )
    return Zone(domain, records, tuple(_remarks(domain, values, pools, keys, ips)))


def _hosts(ips: Mapping[str, str]) -> Iterator[Record]:
    """HELO name and IP lead to each other: receivers look both ways (RFC 8499, FCrDNS)."""
    for address, helo in ips.items():
        found = ip_address(address)
        yield Record(helo, "A" if found.version == 4 else "AAAA", address)
        yield Record(found.reverse_pointer, "PTR", f"{helo}.")


def _envelope(name: str, helo: str, ips: Iterable[str]) -> Iterator[Record]:
    """SPF is looked up under the envelope domain (RFC 7208 section 2.4); bounces come to its MX."""
    allowed = " ".join(f"ip{ip_address(address).version}:{address}" for address in ips)
    yield txt(name, " ".join(f"v=spf1 {allowed} -all".split()))
    yield Record(name, "MX", f"10 {helo}.")


def _dkim(domain: str, keys: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    for key in keys:
        if key["record"]:
            yield txt(f"{key['selector']}._domainkey.{domain}", key["record"])


def _remarks(
    domain: str,
    values: Mapping[str, Any],
    pools: Mapping[str, Mapping[str, Any]],
    keys: Iterable[Mapping[str, Any]],
    ips: Mapping[str, str],
) -> Iterator[str]:
    yield "raise DMARC from p=none to p=reject once its reports show nothing but your own mail"
    if values["helo"] not in ips.values():
        yield f"{values['helo']} takes the bounces: it needs an A record, and a mail server there"
    for name, pool in pools.items():
        if pool["relay"]:
            yield f"pool {name} sends through relay {pool['relay']}: add its hosts to SPF"
    for key in keys:
        if not key["record"]:
            yield f"the key {key['selector']}._domainkey.{domain} is made by apply"


def txt(name: str, value: str) -> Record:
    """A TXT record, cut into strings of at most 255 octets."""
    parts = [value[start : start + OCTETS] for start in range(0, len(value), OCTETS)]
    return Record(name, "TXT", " ".join(f'"{part}"' for part in parts))
