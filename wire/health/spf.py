"""check_host() of SPF (RFC 7208 section 4), and whether a record lets our own IPs send.

No library was found that is kept and asynchronous and can be given a resolver, so this is our own.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from wire.dns import Addresses, Found, NoSuchDomain, Resolver, Texts, Unknown
from wire.health.findings import Finding, Remark, Verdict, judged, missing, unanswered
from wire.health.spf_terms import Mechanism, SpfRecord, SpfSyntaxError, expand, is_spf, parse

MOST_LOOKUPS = 10  # section 4.6.4, also of MX hosts and of PTR names
MOST_VOIDS = 2  # look-ups that find nothing
MANY_LOOKUPS = 8  # an include that grows would break the record

Ip = IPv4Address | IPv6Address


class Spf(StrEnum):
    """Results of section 2.6."""

    passes = "pass"
    fail = "fail"
    softfail = "softfail"
    neutral = "neutral"
    none = "none"
    temperror = "temperror"
    permerror = "permerror"


_OF_QUALIFIER = {"+": Spf.passes, "-": Spf.fail, "~": Spf.softfail, "?": Spf.neutral}


@dataclass(frozen=True, slots=True)
class SpfOutcome:
    """`why` explains an error; `lookups` is how many of the ten were used."""

    result: Spf
    why: str = ""
    lookups: int = 0


class _Broken(Exception):
    """The evaluation ends here with an error."""

    def __init__(self, result: Spf, why: str) -> None:
        super().__init__(why)
        self.result = result


async def check_host(
    resolver: Resolver, ip: str, domain: str, *, sender: str = "", helo: str = ""
) -> SpfOutcome:
    """What a receiver makes of mail from `ip` with an envelope sender in `domain`."""
    asked = ip_address(ip)
    # A connection from ::ffff:192.0.2.1 is one over IPv4 (section 5).
    mapped = asked.ipv4_mapped if isinstance(asked, IPv6Address) else None
    run = _Evaluation(resolver, mapped or asked, sender or f"postmaster@{domain}", helo or domain)
    try:
        return SpfOutcome(await run.check(domain), lookups=run.lookups)
    except SpfSyntaxError as error:
        return SpfOutcome(Spf.permerror, str(error), run.lookups)
    except _Broken as error:
        return SpfOutcome(error.result, str(error), run.lookups)


class _Evaluation:
    """One run for one IP: the limits are for all its records together."""

    def __init__(self, resolver: Resolver, ip: Ip, sender: str, helo: str) -> None:
        self._resolver = resolver
        self._ip = ip
        self._sender = sender
        self._helo = helo
        self.lookups = 0
        self._voids = 0

    async def check(self, domain: str) -> Spf:
        """check_host() for one domain; recursion is bounded by the look-ups."""
        record = await self._record(domain)
        if record is None:
            return Spf.none
        for mechanism in record.mechanisms:
            if await self._matches(mechanism, domain):
                return _OF_QUALIFIER[mechanism.qualifier]
        # "all" is the end, also where it did not stand last (section 6.1).
        if not record.redirect:
            return Spf.neutral
        self._count(f"redirect={record.redirect}")
        target = self._expand(record.redirect, domain)
        result = await self.check(target)
        if result is Spf.none:
            raise _Broken(Spf.permerror, f"redirect={target} has no SPF record")
        return result

    async def _record(self, domain: str) -> SpfRecord | None:
        """Section 4.4 and 4.5. A domain without a dot has none."""
        if "." not in domain.rstrip("."):
            return None
        answer = await self._resolver.txt(domain)
        if isinstance(answer, Unknown):
            raise _Broken(Spf.temperror, answer.why)
        texts = answer.values if isinstance(answer, Texts) else ()
        records = [text for text in texts if is_spf(text)]
        if len(records) > 1:
            raise _Broken(Spf.permerror, f"{domain} has {len(records)} SPF records")
        return parse(records[0]) if records else None

    async def _matches(self, mechanism: Mechanism, domain: str) -> bool:
        if mechanism.name == "all":
            return True
        if mechanism.network is not None:
            return self._ip in mechanism.network
        self._count(mechanism.name)
        target = self._expand(mechanism.domain, domain) if mechanism.domain else domain
        match mechanism.name:
            case "include":
                found = await self._includes(target)
            case "a":
                found = self._is_among(await self._hosts(target), mechanism)
            case "mx":
                found = self._is_among(await self._mail_addresses(target), mechanism)
            case "ptr":
                found = await self._is_named(target)
            case _:  # exists: an A record, whatever the IP's version (section 5.7)
                found = bool(await self._hosts(target, 4))
        return found

    async def _includes(self, target: str) -> bool:
        """The table of section 5.2."""
        result = await self.check(target)
        if result is Spf.none:
            raise _Broken(Spf.permerror, f"include:{target} has no SPF record")
        return result is Spf.passes

    async def _hosts(self, name: str, version: int = 0) -> Sequence[str]:
        """Addresses of the IP's own version, or of `version`; none is a void look-up."""
        answer = await self._resolver.addresses(name)
        if isinstance(answer, Unknown):
            raise _Broken(Spf.temperror, answer.why)
        values = answer.values if isinstance(answer, Addresses) else ()
        wanted = version or self._ip.version
        found = [address for address in values if ip_address(address).version == wanted]
        if not found:
            self._void(name)
        return found

    async def _mail_addresses(self, name: str) -> Sequence[str]:
        """MX hosts only: A records do not stand in for them (section 5.4)."""
        answer = await self._resolver.mail_hosts(name)
        if isinstance(answer, Unknown):
            raise _Broken(Spf.temperror, answer.why)
        if isinstance(answer, NoSuchDomain) or (isinstance(answer, Found) and answer.implicit):
            self._void(name)
        if not isinstance(answer, Found) or answer.implicit:
            return []
        if len(answer.hosts) > MOST_LOOKUPS:
            raise _Broken(Spf.permerror, f"mx:{name} has more than {MOST_LOOKUPS} hosts")
        return [address for host in answer.hosts for address in host.addresses]

    async def _is_named(self, target: str) -> bool:
        """A name of the IP under `target` that leads back to it; errors do not match (5.5)."""
        answer = await self._resolver.names_of(str(self._ip))
        names = answer.values[:MOST_LOOKUPS] if isinstance(answer, Texts) else ()
        for name in names:
            if f".{name}".endswith(f".{target.lower()}"):
                found = await self._resolver.addresses(name)
                if isinstance(found, Addresses) and str(self._ip) in found.values:
                    return True
        return False

    def _is_among(self, addresses: Sequence[str], mechanism: Mechanism) -> bool:
        length = mechanism.v4 if self._ip.version == 4 else mechanism.v6
        return any(
            self._ip in ip_network(f"{address}/{length}", strict=False)
            for address in addresses
            if ip_address(address).version == self._ip.version
        )

    def _count(self, term: str) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise _Broken(Spf.permerror, f"{term} is look-up number {self.lookups} of at most 10")

    def _void(self, name: str) -> None:
        self._voids += 1
        if self._voids > MOST_VOIDS:
            raise _Broken(
                Spf.permerror, f"{name} is look-up number {self._voids} without an answer"
            )

    def _expand(self, text: str, domain: str) -> str:
        local, _, home = self._sender.rpartition("@")
        ip = self._ip
        nibbles = ".".join(ip.exploded.replace(":", "")) if ip.version == 6 else str(ip)
        values = {
            "s": self._sender, "l": local, "o": home, "d": domain, "i": nibbles, "p": "unknown",
            "v": "in-addr" if ip.version == 4 else "ip6", "h": self._helo,
        }  # fmt: skip
        return expand(text, values)


async def spf(resolver: Resolver, domain: str, ips: Sequence[str]) -> Finding:
    """Whether mail from each of our IPs passes under the envelope domain."""
    answer = await resolver.txt(domain)
    if isinstance(answer, Unknown):
        return unanswered(answer)
    texts = answer.values if isinstance(answer, Texts) else ()
    found = tuple(text for text in texts if is_spf(text))
    if not found:
        return missing(domain)
    # At once: what all of them ask for is asked once, also when nobody answers.
    outcomes = await asyncio.gather(*(check_host(resolver, ip, domain) for ip in ips))
    return _judge(found, dict(zip(ips, outcomes, strict=True)))


def _judge(found: tuple[str, ...], outcomes: dict[str, SpfOutcome]) -> Finding:
    errors = {outcome.why for outcome in outcomes.values() if outcome.result is Spf.permerror}
    problems = [Remark("spf-error", why) for why in sorted(errors)]
    problems += [
        Remark(f"spf-{outcome.result}", ip)
        for ip, outcome in outcomes.items()
        if outcome.result not in {Spf.passes, Spf.permerror, Spf.temperror}
    ]
    unknown = {outcome.why for outcome in outcomes.values() if outcome.result is Spf.temperror}
    if unknown and not problems:
        said = tuple(Remark("no-answer", why) for why in sorted(unknown))
        return Finding(Verdict.unknown, found, said)
    most = max((outcome.lookups for outcome in outcomes.values()), default=0)
    return judged(found, problems, [Remark("spf-lookups", str(most))] * (most >= MANY_LOOKUPS))
