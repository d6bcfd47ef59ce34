"""Names and addresses of the platform's own hosts: PTR, HELO and MX."""

from collections.abc import Sequence

from wire.dns import (
    Addresses,
    Found,
    MailHost,
    NoMailHost,
    NullMx,
    Resolver,
    Texts,
    Unknown,
)
from wire.health.findings import Finding, Remark, judged, missing, unanswered


async def pointer(resolver: Resolver, ip: str, helo: str) -> Finding:
    """The PTR record of an IP names its HELO host, which leads back (FCrDNS, RFC 8499)."""
    answer = await resolver.names_of(ip)
    if isinstance(answer, Unknown):
        return unanswered(answer)
    names = answer.values if isinstance(answer, Texts) else ()
    if not names:
        return missing(ip)
    found = tuple(f"{name}." for name in names)
    advice = [Remark("ptr-several", str(len(names)))] if len(names) > 1 else []
    if helo.lower() not in names:
        return judged(found, [Remark("ptr-other", helo)], advice)
    back = await resolver.addresses(helo)
    if isinstance(back, Unknown):
        return unanswered(back)
    led = isinstance(back, Addresses) and ip in back.values
    return judged(found, [] if led else [Remark("ptr-unconfirmed", helo)], advice)


async def helo_host(resolver: Resolver, helo: str, ip: str) -> Finding:
    """The HELO name of an IP is a full name with that address (RFC 5321 section 4.1.1.1)."""
    answer = await resolver.addresses(helo)
    if isinstance(answer, Unknown):
        return unanswered(answer)
    found = answer.values if isinstance(answer, Addresses) else ()
    if not found:
        return missing(helo)
    problems = [] if ip in found else [Remark("helo-elsewhere", ip)]
    if "." not in helo:
        problems.append(Remark("helo-short", helo))
    return judged(found, problems)


async def mail_host(resolver: Resolver, domain: str, host: str) -> Finding:
    """Bounces to the envelope domain reach `host`: it is the MX that is tried first."""
    answer = await resolver.mail_hosts(domain)
    match answer:
        case Unknown():
            return unanswered(answer)
        case NullMx():
            return judged(["0 ."], [Remark("mx-null", domain)])
        case NoMailHost(why) if "MX host" in why:
            return judged([], [Remark("mx-no-address", why)])
        case Found(hosts, implicit=False):
            return _by_order(hosts, host.lower())
    return missing(domain)


def _by_order(hosts: Sequence[MailHost], ours: str) -> Finding:
    """Other hosts are wrong before ours, or beside it; after it they are told."""
    found = [f"{mx.preference} {mx.name}." for mx in hosts]
    if ours not in [mx.name for mx in hosts]:
        return judged(found, [Remark("mx-other", ours)])
    first = hosts[0].preference
    before = sorted({mx.name for mx in hosts if mx.preference == first and mx.name != ours})
    if before:
        return judged(found, [Remark("mx-not-first", ", ".join(before))])
    after = sorted({mx.name for mx in hosts if mx.name != ours})
    return judged(found, [], [Remark("mx-others", ", ".join(after))] if after else [])
