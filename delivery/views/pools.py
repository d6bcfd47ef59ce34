"""Pools, their IPs, ladders and DKIM records; freezing and resting by hand. For operators."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from customers.access import operating_only, operators_only, person_of
from customers.models import AuditEntry
from delivery import figures, pools, tls_setup
from delivery.forms import ReasonForm
from delivery.models import DkimKey, IpState, Pool, PoolFallback, PoolState, SendingIp
from delivery.views.reasons import reason_of
from wire import dkim


@dataclass(frozen=True, slots=True)
class IpLine:
    """An IP with today's attempts by verdict."""

    ip: SendingIp
    today: Counter[str]


@dataclass(frozen=True, slots=True)
class DkimRecord:
    """What stands in DNS for one key; the private half never leaves the database."""

    name: str
    kind: str
    is_active: bool
    value: str


@require_safe
@operators_only
def pool_list(request: HttpRequest) -> HttpResponse:
    ladder = PoolFallback.objects.select_related("fallback").order_by("rank")
    active = Count("ips", filter=Q(ips__state=IpState.ACTIVE), distinct=True)
    found = Pool.objects.select_related("domain", "relay").prefetch_related(
        Prefetch("ladder", queryset=ladder)
    )
    rows = found.annotate(
        all_ips=Count("ips", distinct=True),
        active_ips=active,
        customers=Count("assignments", distinct=True),
    )
    return render(request, "delivery/pool_list.html", {"pools": rows.order_by("role", "name")})


@require_safe
@operators_only
def pool(request: HttpRequest, pool_id: int) -> HttpResponse:
    found = get_object_or_404(Pool.objects.select_related("domain", "relay"), pk=pool_id)
    ips = list(found.ips.select_related("segment").order_by("id"))
    subjects = [f"pool:{found.pk}", *(f"ip:{ip.pk}" for ip in ips)]
    context = {
        "pool": found,
        "ladder": found.ladder.select_related("fallback").order_by("rank"),
        "ips": _ip_lines(ips, timezone.now()),
        "assignments": found.assignments.select_related("customer").order_by("customer__name"),
        "dkim": [_record(key) for key in found.domain.dkim_keys.order_by("selector")],
        "tls": tls_setup.setup(found.domain, mx=settings.INTAKE_NAME),
        "history": AuditEntry.objects.filter(subject__in=subjects).order_by("-at", "-id")[:30],
        "form": ReasonForm(),
    }
    return render(request, "delivery/pool_detail.html", context)


@require_POST
@operating_only
def pool_state(request: HttpRequest, pool_id: int, state: str) -> HttpResponse:
    """Freeze or reopen."""
    found = get_object_or_404(Pool, pk=pool_id)
    if why := reason_of(request):
        pools.set_state(
            pool=found, to=PoolState(state), why=why, by=person_of(request), now=timezone.now()
        )
    return redirect("pool", found.pk)


@require_POST
@operating_only
def ip_state(request: HttpRequest, pool_id: int, ip_id: int, state: str) -> HttpResponse:
    """Rest or activate."""
    found = get_object_or_404(SendingIp, pk=ip_id, pool_id=pool_id)
    if why := reason_of(request):
        pools.set_ip_state(
            ip=found, to=IpState(state), why=why, by=person_of(request), now=timezone.now()
        )
    return redirect("pool", pool_id)


def _ip_lines(ips: list[SendingIp], now: datetime) -> list[IpLine]:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    counts = figures.verdicts_by_ip([ip.address for ip in ips], since=midnight)
    return [IpLine(ip, counts[ip.address]) for ip in ips]


def _record(key: DkimKey) -> DkimRecord:
    return DkimRecord(
        str(key), key.get_kind_display(), key.is_active, dkim.dns_record(key.private_key)
    )
