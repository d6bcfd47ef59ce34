"""The DNS records that a platform needs, as lines of a zone file. Pure; remarks are in the language
of now.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from django.utils.translation import gettext as _

from delivery import tls_setup
from delivery.models import IpState, SendingDomain
from delivery.platform_file import Entry

SMTP = 25  # the port at which hosts bring mail (RFC 5321 section 4.5.4.2)
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


@dataclass(frozen=True, slots=True)
class Intake:
    """Where `manage.py intake` listens, and its public name; "" as long as it has none."""

    name: str
    host: str
    port: int


def zones(entries: Sequence[Entry], *, intake: Intake) -> list[Zone]:
    """One for each sending domain, from all entries of the platform. Retired IPs do not count."""
    of: dict[str, dict[str, Mapping[str, Any]]] = {}
    for entry in entries:
        of.setdefault(entry.table, {})[entry.name] = entry.values
    return [_zone(name, values, of, intake) for name, values in of.get("domain", {}).items()]


def _zone(
    domain: str,
    values: Mapping[str, Any],
    of: Mapping[str, Mapping[str, Mapping[str, Any]]],
    intake: Intake,
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
        *_envelope(values["envelope_domain"], intake.name or values["helo"], ips),
        *(txt(record.name, record.value) for record in tls_setup.setup(row).reporting),
        *_dkim(domain, keys),
        txt(f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"),
    )
    remarks = (*_bounces(values, ips, intake), *_remarks(domain, pools, keys))
    return Zone(domain, records, remarks)


def _hosts(ips: Mapping[str, str]) -> Iterator[Record]:
    """HELO name and IP lead to each other: receivers look both ways (RFC 8499, FCrDNS)."""
    for address, helo in ips.items():
        found = ip_address(address)
        yield Record(helo, "A" if found.version == 4 else "AAAA", address)
        yield Record(found.reverse_pointer, "PTR", f"{helo}.")


def _envelope(name: str, mx: str, ips: Iterable[str]) -> Iterator[Record]:
    """SPF is looked up under the envelope domain (RFC 7208 section 2.4); bounces come to its MX."""
    allowed = " ".join(f"ip{ip_address(address).version}:{address}" for address in ips)
    yield txt(name, " ".join(f"v=spf1 {allowed} -all".split()))
    yield Record(name, "MX", f"10 {mx}.")


def _dkim(domain: str, keys: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    for key in keys:
        if key["record"]:
            yield txt(f"{key['selector']}._domainkey.{domain}", key["record"])


def _bounces(values: Mapping[str, Any], ips: Mapping[str, str], intake: Intake) -> Iterator[str]:
    """The way from the MX record to `manage.py intake`."""
    host = intake.name or values["helo"]
    yield _(
        "bounces, complaints and opt-outs for %(domain)s come to port 25 of %(host)s, which has to "
        "lead to manage.py intake"
    ) % {"domain": values["envelope_domain"], "host": host}
    if intake.port != SMTP:
        yield _(
            "it listens on %(place)s, port %(port)s: forward port 25 there, or set INTAKE_HOST and "
            "INTAKE_PORT=25"
        ) % {"place": intake.host, "port": intake.port}
    if host not in ips.values():
        yield _("%(host)s has none of the IPs above: publish its A record, too") % {"host": host}
    if not intake.name:
        yield _(
            "once mail from outside arrives there, set INTAKE_NAME=%(host)s: bulk mail then has an "
            "address for opting out by mail"
        ) % {"host": host}


def _remarks(
    domain: str, pools: Mapping[str, Mapping[str, Any]], keys: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    yield _("raise DMARC from p=none to p=reject once its reports show nothing but your own mail")
    for name, pool in pools.items():
        if pool["relay"]:
            yield _("pool %(pool)s sends through relay %(relay)s: add its hosts to SPF") % {
                "pool": name,
                "relay": pool["relay"],
            }
    for key in keys:
        if not key["record"]:
            yield _("the key %(name)s is made by apply") % {
                "name": f"{key['selector']}._domainkey.{domain}"
            }


def txt(name: str, value: str) -> Record:
    """A TXT record, cut into strings of at most 255 octets."""
    parts = [value[start : start + OCTETS] for start in range(0, len(value), OCTETS)]
    return Record(name, "TXT", " ".join(f'"{part}"' for part in parts))
