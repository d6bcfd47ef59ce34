"""The checks of a plan carried out: many questions at once, no database, nothing remembered."""

import asyncio
from collections.abc import Sequence

from blacklist.health_plan import DomainPlan, Planned
from blacklist.models.health import SetupKind
from wire.health import hosts, tls_records
from wire.health.dkim_record import dkim
from wire.health.dmarc import dmarc
from wire.health.findings import Finding
from wire.health.spf import spf
from wire.sts import Terms

AT_ONCE = 50  # checks; each asks a few questions


async def ask(plan: DomainPlan, terms: Terms) -> Sequence[Finding]:
    """A finding for each check of the plan, in its order."""
    room = asyncio.Semaphore(AT_ONCE)

    async def bounded(check: Planned) -> Finding:
        async with room:
            return await _finding(check, plan, terms)

    return await asyncio.gather(*(bounded(check) for check in plan.checks))


async def _finding(check: Planned, plan: DomainPlan, terms: Terms) -> Finding:
    if check.kind in {SetupKind.PTR, SetupKind.HELO}:
        return await _of_ip(check, plan.helos[check.ip], terms)
    return await _of_domain(check, plan, terms)


async def _of_ip(check: Planned, helo: str, terms: Terms) -> Finding:
    if check.kind is SetupKind.PTR:
        return await hosts.pointer(terms.resolver, check.ip, helo)
    return await hosts.helo_host(terms.resolver, helo, check.ip)


async def _of_domain(check: Planned, plan: DomainPlan, terms: Terms) -> Finding:
    resolver, name, domain = terms.resolver, check.record.name, plan.domain
    match check.kind:
        case SetupKind.SPF:
            found = await spf(resolver, name, list(plan.helos))
        case SetupKind.DKIM:
            found = await dkim(resolver, name, check.expected)
        case SetupKind.MX:
            found = await hosts.mail_host(resolver, name, plan.mx)
        case SetupKind.TLS_RPT:
            found = await tls_records.tls_reports(resolver, name)
        case SetupKind.MTA_STS:
            found = await tls_records.mta_sts(terms, domain.envelope_domain, mx=plan.mx)
        case _:
            found = await dmarc(
                resolver, domain.name, envelope_domain=domain.envelope_domain, signs=plan.signs
            )
    return found
