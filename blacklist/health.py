"""The senders' own set-up, looked at daily and on demand: SPF, DKIM, DMARC, MX, PTR, HELO, TLS."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Min

from blacklist import health_asking, health_plan
from blacklist.health_plan import DomainPlan, Planned
from blacklist.models.health import SetupCheck, SetupRun, SetupVerdict
from customers.audit import Actor
from delivery import platform_dns, platform_store
from delivery.engine import new_resolver
from delivery.models import DkimKey, SendingDomain, SendingIp
from wire.health.findings import Finding
from wire.security import Contexts
from wire.sts import Terms

PERIOD = timedelta(days=1)
# A run whose worker died must not keep others from looking; a large platform takes a minute.
LAPSE = timedelta(minutes=15)

TermsMaker = Callable[[], Terms]


def is_due(*, now: datetime) -> bool:
    """True a day after the last look, or when a sending domain was never looked at.

    Not while a run may still be at it, and not at once after one that broke off.
    """
    if SetupRun.objects.filter(asked_at__gt=now - LAPSE).exists():
        return False
    domains = set(SendingDomain.objects.values_list("pk", flat=True))
    checked = set(SetupCheck.objects.values_list("domain_id", flat=True))
    oldest = SetupCheck.objects.aggregate(at=Min("checked_at"))["at"]
    return bool(domains - checked) or (oldest is not None and now - oldest >= PERIOD)


@transaction.atomic
def begin(*, by: Actor, now: datetime) -> SetupRun:
    """A run to be carried out, or the one that is open already."""
    lapsed = SetupRun.objects.filter(is_open=True, asked_at__lt=now - LAPSE)
    lapsed.update(is_open=False)
    SetupRun.objects.filter(asked_at__lt=now - 30 * PERIOD).delete()
    run, _ = SetupRun.objects.get_or_create(is_open=True, defaults={"by": str(by), "asked_at": now})
    return run


def carry_out(*, run_id: int, now: datetime, terms: TermsMaker | None = None) -> bool:
    """Look at everything, domain by domain; False when somebody else does that run already.

    No transaction is open while DNS is asked.
    """
    mine = SetupRun.objects.filter(pk=run_id, is_open=True, started_at=None)
    if not mine.update(started_at=now):
        return False
    try:
        _look(run_id, plans(), terms or new_terms, now)
    finally:
        SetupRun.objects.filter(pk=run_id).update(is_open=False)
    return True


def _look(run_id: int, made: Sequence[DomainPlan], terms: TermsMaker, now: datetime) -> None:
    run = SetupRun.objects.filter(pk=run_id)
    run.update(total=sum(len(plan.checks) for plan in made))
    asked, done = terms(), 0
    for plan in made:
        findings = asyncio.run(health_asking.ask(plan, asked))
        record(plan=plan, findings=findings, now=now)
        done += len(plan.checks)
        run.update(done=done)


def new_terms() -> Terms:
    """With a resolver that remembers nothing: who has just mended a record wants to see it."""
    contexts = Contexts(settings.TLS_AUTHORITIES)
    return Terms(
        new_resolver(),
        lambda: contexts.get(verify=True),
        port=settings.STS_PORT,
        loopback_only=settings.LOOPBACK_ONLY,
    )


def plans() -> list[DomainPlan]:
    """For each sending domain, from the platform as it is now."""
    intake = platform_dns.Intake(settings.INTAKE_NAME, settings.INTAKE_HOST, settings.INTAKE_PORT)
    zones = {z.domain: z for z in platform_dns.zones(platform_store.stored(), intake=intake)}
    keys = DkimKey.objects.filter(is_active=False).select_related("domain")
    inactive = frozenset(str(key) for key in keys)
    return [
        health_plan.plan(domain, zones[domain.name], mx=settings.INTAKE_NAME, inactive=inactive)
        for domain in SendingDomain.objects.order_by("name")
        if domain.name in zones
    ]


@transaction.atomic
def record(*, plan: DomainPlan, findings: Iterable[Finding], now: datetime) -> None:
    """Keep what was found for one domain, and forget checks that it has no longer."""
    old = {
        (row.kind, row.name, row.ip_id): row
        for row in SetupCheck.objects.select_for_update().filter(domain=plan.domain)
    }
    ips = dict(SendingIp.objects.filter(address__in=plan.helos).values_list("address", "pk"))
    rows = []
    for check, finding in zip(plan.checks, findings, strict=True):
        ip_id = ips.get(check.ip)
        row = _row(check, finding, old.get((check.kind, check.record.name, ip_id)), now)
        row.domain, row.ip_id = plan.domain, ip_id
        rows.append(row)
    kept = {(row.kind, row.name, row.ip_id) for row in rows}
    gone = [row.pk for key, row in old.items() if key not in kept]
    SetupCheck.objects.filter(pk__in=gone).delete()
    SetupCheck.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["domain", "ip", "kind", "name"],
        update_fields=[
            "is_optional", "verdict", "found", "expected", "record", "problems", "advice",
            "since", "checked_at", "settled", "settled_at",
        ],
    )  # fmt: skip


def _row(check: Planned, finding: Finding, before: SetupCheck | None, now: datetime) -> SetupCheck:
    """What is kept of a check; its domain and IP are the caller's."""
    verdict = SetupVerdict(finding.verdict)
    is_answer = verdict is not SetupVerdict.UNKNOWN
    return SetupCheck(
        kind=check.kind,
        name=check.record.name,
        is_optional=check.is_optional,
        verdict=verdict,
        found=list(finding.found),
        expected=[check.expected],
        record=[str(check.record)],
        problems=[[remark.code, remark.about] for remark in finding.problems],
        advice=[[remark.code, remark.about] for remark in finding.advice],
        since=before.since if before and before.verdict == verdict else now,
        checked_at=now,
        settled=verdict if is_answer else (before.settled if before else ""),
        settled_at=now if is_answer else (before.settled_at if before else None),
    )
