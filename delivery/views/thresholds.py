"""Thresholds of customers' rates, who is above them, and what was done. For operators."""

from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from compliance import threshold_findings, thresholds
from compliance.models import Finding, FindingState, Measure, Threshold
from compliance.thresholds import Limits
from customers.access import operating_only, operators_only, person_of
from delivery import consequences_watch
from delivery.consequence_forms import ThresholdForm
from delivery.views.reasons import reason_of

SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class MeasureLine:
    """What holds for all customers, and who has thresholds of their own."""

    measure: Measure
    limits: Limits
    source: str
    own: list[Threshold]
    form: ThresholdForm | None


@require_safe
@operators_only
def threshold_list(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
@operating_only
def threshold_change(request: HttpRequest, measure: Measure) -> HttpResponse:
    form = ThresholdForm(request.POST, prefix=measure.value)
    if not form.is_valid():
        return _page(request, wrong={measure: form}, status=400)
    thresholds.change(
        customer=form.cleaned_data["customer"],
        measure=measure,
        to=form.limits(),
        why=form.cleaned_data["why"],
        by=person_of(request),
        now=timezone.now(),
    )
    return redirect("threshold_list")


@require_POST
@operating_only
def finding_decide(request: HttpRequest, finding_id: int, decision: str) -> HttpResponse:
    """Apply what was proposed, dismiss it, or take back what was applied."""
    found = get_object_or_404(Finding, pk=finding_id)
    if why := reason_of(request):
        try:
            consequences_watch.decide(
                decision, finding=found, why=why, by=person_of(request), now=timezone.now()
            )
        except threshold_findings.NotDecidable:
            messages.error(request, _("Nothing was changed: others have decided since."))
    return redirect("threshold_list")


def _page(
    request: HttpRequest, *, wrong: dict[Measure, ThresholdForm] | None = None, status: int = 200
) -> HttpResponse:
    findings = Finding.objects.select_related("customer", "decided_by").order_by("-at", "-id")
    waiting = [state for state in FindingState if state.is_open]
    may_change = person_of(request).can_operate
    context = {
        "open": findings.filter(state__in=waiting),
        "closed": findings.exclude(state__in=waiting)[:SHOWN],
        "lines": [_line(measure, wrong or {}, may_change=may_change) for measure in Measure],
    }
    return render(request, "delivery/threshold_list.html", context, status=status)


def _line(
    measure: Measure, wrong: dict[Measure, ThresholdForm], *, may_change: bool
) -> MeasureLine:
    limits = thresholds.limits_of(None)[measure]
    own = Threshold.objects.filter(measure=measure, customer__isnull=False)
    form = wrong.get(measure) or ThresholdForm(
        initial=ThresholdForm.initial_of(limits), prefix=measure.value
    )
    return MeasureLine(
        measure,
        limits,
        thresholds.SOURCES[measure],
        list(own.select_related("customer").order_by("customer__name")),
        form if may_change else None,
    )
