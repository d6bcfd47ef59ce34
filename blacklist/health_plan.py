"""Which records are looked at: those that `manage.py platform dns` prints, and MTA-STS. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from blacklist.models.health import SetupKind
from delivery import tls_setup
from delivery.models import SendingDomain
from delivery.platform_dns import Record, Zone, txt

# Nobody's mail is refused because these are not there.
OPTIONAL = frozenset({SetupKind.TLS_RPT, SetupKind.MTA_STS})
DKIM_LABEL = "._domainkey."


@dataclass(frozen=True, slots=True)
class Planned:
    """One check. `helo` is of an IP, `mx` the host that takes the domain's bounces."""

    kind: SetupKind
    record: Record
    ip: str = ""  # "" for a check of the domain itself
    is_optional: bool = False

    @property
    def expected(self) -> str:
        """The value as a lookup gives it: the strings of a TXT record in one."""
        if self.record.type != "TXT":
            return self.record.value
        return self.record.value[1:-1].replace('" "', "")


@dataclass(frozen=True, slots=True)
class DomainPlan:
    """Everything about one sending domain. `helos` are the names of its IPs by address."""

    domain: SendingDomain
    mx: str
    helos: Mapping[str, str]
    signs: bool
    checks: tuple[Planned, ...]


def plan(
    domain: SendingDomain, zone: Zone, *, mx: str, inactive: frozenset[str] = frozenset()
) -> DomainPlan:
    """`inactive` are names of DKIM records whose keys do not sign: they may be missing."""
    helos = {record.value: record.name for record in zone.records if record.type in {"A", "AAAA"}}
    policy = tls_setup.setup(domain, mx=mx).policy
    records = (*zone.records, txt(policy.name, policy.value))
    checks = tuple(_planned(records, list(helos), inactive))
    signs = any(c.kind is SetupKind.DKIM and not c.is_optional for c in checks)
    return DomainPlan(domain, mx or domain.helo, helos, signs, checks)


def _planned(
    records: Sequence[Record], ips: Sequence[str], inactive: frozenset[str]
) -> Iterator[Planned]:
    by_pointer = {ip_address(ip).reverse_pointer: ip for ip in ips}
    for record in records:
        kind = kind_of(record)
        ip = record.value if kind is SetupKind.HELO else by_pointer.get(record.name, "")
        yield Planned(kind, record, ip, kind in OPTIONAL or record.name in inactive)


def kind_of(record: Record) -> SetupKind:
    """What a record of a platform is for."""
    if record.type in {"A", "AAAA"}:
        return SetupKind.HELO
    if record.type != "TXT":
        return SetupKind(record.type.lower())
    prefixes = {
        "_dmarc.": SetupKind.DMARC,
        "_smtp._tls.": SetupKind.TLS_RPT,
        "_mta-sts.": SetupKind.MTA_STS,
    }
    for prefix, kind in prefixes.items():
        if record.name.startswith(prefix):
            return kind
    return SetupKind.DKIM if DKIM_LABEL in record.name else SetupKind.SPF
