"""Destination groups: limits, who asked us to slow down, warm-ups. For operators."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from customers.access import operating_only, operators_only, person_of
from customers.models import AuditEntry
from delivery import destinations, facts, limits, slowdowns, warmup, windows
from delivery.limit_forms import LimitsForm, WarmUpForm
from delivery.models import Destination, SendingIp, SlowDown
from delivery.views.reasons import reason_of


@dataclass(frozen=True, slots=True)
class SlowLine:
    """One lane that is pressed, in words for the page."""

    row: SlowDown
    name: str
    percent: int
    connections: int
    per_second: float | None
    until: datetime | None


@require_safe
@operators_only
def destination_list(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    groups = {group.slug: group for group in Destination.objects.order_by("name")}
    context = {
        "groups": groups.values(),
        "slow": [_slow_line(row, groups, now) for row in slowdowns.current(now=now)],
        "alone": destinations.own_groups(now=now),
        "warming": warmup.progress(now=now),
        "warm_up_form": WarmUpForm(),
        "names": {slug: group.name for slug, group in groups.items()},
    }
    return render(request, "delivery/destination_list.html", context)


@require_safe
@operators_only
def destination(request: HttpRequest, destination_id: int) -> HttpResponse:
    found = get_object_or_404(Destination, pk=destination_id)
    return _detail(request, found, LimitsForm(instance=found))


@require_POST
@operating_only
def destination_limits(request: HttpRequest, destination_id: int) -> HttpResponse:
    """Change a group's limits; what cannot be is shown at its field."""
    found = get_object_or_404(Destination, pk=destination_id)
    form = LimitsForm(request.POST, instance=found)
    if not form.is_valid():
        return _detail(request, get_object_or_404(Destination, pk=destination_id), form, status=400)
    limits.change(
        destination=found,
        to=form.limits(),
        why=form.cleaned_data["why"],
        by=person_of(request),
        now=timezone.now(),
    )
    return redirect("destination", destination_id)


@require_POST
@operating_only
def slow_down_lift(request: HttpRequest, slow_down_id: int) -> HttpResponse:
    """The whole limits again, at once."""
    found = get_object_or_404(SlowDown.objects.select_related("ip"), pk=slow_down_id)
    if why := reason_of(request):
        slowdowns.lift(slow_down=found, why=why, by=person_of(request), now=timezone.now())
    return redirect("destination_list")


@require_POST
@operating_only
def warm_up_begin(request: HttpRequest) -> HttpResponse:
    """From the first day, today."""
    form, now = WarmUpForm(request.POST), timezone.now()
    if not form.is_valid():
        messages.error(request, _("Nothing was changed: choose an IP and give whole numbers."))
        return redirect("destination_list")
    first, factor, cap = (form.cleaned_data[name] for name in ("first", "factor", "cap"))
    warmup.begin(
        ip=form.cleaned_data["ip"],
        allowances=warmup.schedule(first=first, factor=factor, cap=cap),
        started_on=windows.day_of(now).date(),
        by=person_of(request),
        now=now,
    )
    return redirect("destination_list")


@require_POST
@operating_only
def warm_up_end(request: HttpRequest, ip_id: int) -> HttpResponse:
    """Warm from now on."""
    found = get_object_or_404(SendingIp, pk=ip_id)
    if why := reason_of(request):
        warmup.end(ip=found, why=why, by=person_of(request), now=timezone.now())
    return redirect("destination_list")


def _detail(
    request: HttpRequest, found: Destination, form: LimitsForm, *, status: int = 200
) -> HttpResponse:
    history = AuditEntry.objects.filter(subject=slowdowns.subject(found.slug))
    context = {
        "destination": found,
        "form": form,
        "history": history.order_by("-at", "-id")[:30],
    }
    return render(request, "delivery/destination_detail.html", context, status=status)


def _slow_line(row: SlowDown, groups: dict[str, Destination], now: datetime) -> SlowLine:
    slowed = slowdowns.pressed(row, now)
    group = facts.group_of(row.destination, groups)
    now_allowed = limits.effective(group, slowed)
    percent = 0 if slowed.until else round(slowed.factor * 100)
    rate = now_allowed.rate.per_second
    rate = None if rate is None else round(rate, 1 if rate >= 1 else 3)
    return SlowLine(row, group.name, percent, now_allowed.connections, rate, slowed.until)
