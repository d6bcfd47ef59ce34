"""What a mail host must show before it is given mail: the sum of DANE, MTA-STS and our own wish.

DANE comes before MTA-STS (RFC 8461 section 2); both make TLS a must. Without either the letter's
own mode stands, and certificates are not looked at (RFC 7435).
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from wire import dane, sts
from wire.dns import MailHost, Resolver, Tlsa, Unknown
from wire.letters import TlsMode


class Trust(StrEnum):
    """How the host's certificate is looked at."""

    none = "none"
    sts = "sts"  # valid for the host's name, by public authorities
    dane = "dane"  # named by a TLSA record


class Rule(StrEnum):
    """What a domain's MTA-STS policy means for one of its hosts."""

    free = "free"
    verified = "verified"  # enforced: the certificate must be valid
    barred = "barred"  # enforced: the policy does not name the host
    probed = "probed"  # in testing: noted when the certificate is not valid
    stranger = "stranger"  # in testing: noted that the policy does not name the host


@dataclass(frozen=True, slots=True)
class Demand:
    """`names` are those the host may be called by, for SNI and usage 2; `remark` is of a test."""

    trust: Trust = Trust.none
    is_must: bool = False  # TLS, whatever the letter says
    is_test: bool = False
    tlsa: tuple[Tlsa, ...] = ()
    names: tuple[str, ...] = ()
    remark: str = ""

    @property
    def proof(self) -> str:
        """How a host that satisfied it was verified: none, pkix (sts) or dane."""
        if self.trust is Trust.sts:
            return "pkix (sts testing)" if self.is_test else "pkix (sts)"
        return f"{self.trust}{self.remark and f' ({self.remark})'}"

    def fits(self, session: ssl.SSLObject | None) -> bool:
        """Whether the host showed what the TLSA records name."""
        chain = dane.shown(session) if session is not None else ()
        return dane.matches(self.tlsa, chain, self.names, datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Closed:
    """The host cannot be used: a reason of an outcome, and words for the conversation."""

    reason: str
    words: str


UNASKED = Demand()
# What is left of a demand in testing that was not met.
UNPROVEN = Demand(remark="sts testing failed")


class Contexts:
    """TLS contexts, each made once: the reading of the authorities takes 10 ms and more.

    `authorities` is the path of a PEM file in place of the system's.
    """

    def __init__(self, authorities: str = "") -> None:
        self._authorities = authorities or None
        self._made: dict[tuple[bool, ssl.TLSVersion], ssl.SSLContext] = {}

    def get(
        self, *, verify: bool, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    ) -> ssl.SSLContext:
        """Unverified still keeps passive listeners out (RFC 7435)."""
        found = self._made.get((verify, minimum))
        if found is None:
            found = self._made[verify, minimum] = self._make(verify=verify)
            found.minimum_version = minimum
        return found

    def _make(self, *, verify: bool) -> ssl.SSLContext:
        if verify:
            return ssl.create_default_context(cafile=self._authorities)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


def rules(policy: sts.Policy | None, hosts: Sequence[MailHost]) -> tuple[Rule, ...]:
    """The policy applied to each host (RFC 8461 section 5)."""
    if policy is None or policy.mode is sts.Mode.none:
        return (Rule.free,) * len(hosts)
    yes, no = Rule.verified, Rule.barred
    if policy.mode is sts.Mode.testing:
        yes, no = Rule.probed, Rule.stranger
    return tuple(yes if policy.allows(host.name) else no for host in hosts)


async def demand(
    host: MailHost, rule: Rule, *, mode: TlsMode, resolver: Resolver, port: int
) -> Demand | Closed:
    """What to ask of a host. A pool that never uses TLS asks for nothing: its operator said so."""
    if mode is TlsMode.none:
        return UNASKED
    for base in host.tlsa_bases:
        answer = await resolver.tlsa(base, port)
        if isinstance(answer, Unknown):
            # An attacker who holds back the records must not get the letter (RFC 7672 2.1.1).
            return Closed("dane-failed", f"TLSA records of {base}: {answer.why}")
        if answer.values:
            return _by_records(answer.values, (base, host.name), rule)
    return _BY_RULE[rule]


def _by_records(records: Sequence[Tlsa], names: tuple[str, ...], rule: Rule) -> Demand | Closed:
    """Records that name nothing usable make TLS a must (RFC 7672 2.2), and lift no rule."""
    usable = dane.usable(records)
    if usable:
        names = tuple(dict.fromkeys(names))
        return Demand(Trust.dane, is_must=True, tlsa=usable, names=names)
    asked = _BY_RULE[rule]
    return asked if isinstance(asked, Closed) else replace(asked, is_must=True)


_BY_RULE: dict[Rule, Demand | Closed] = {
    Rule.free: UNASKED,
    Rule.verified: Demand(Trust.sts, is_must=True),
    Rule.barred: Closed("sts-mismatch", "the domain's MTA-STS policy does not name this host"),
    Rule.probed: Demand(Trust.sts, is_test=True),
    Rule.stranger: Demand(remark="sts testing: host not in the policy"),
}
