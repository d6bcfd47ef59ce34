"""Reports that came in: what was not matched and why, each with its mail. For operators."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from customers.access import operating_only, operators_only, person_of
from delivery import reports_again, reports_by_hand, reports_found
from delivery.models import Delivery, Report, ReportKind, ReportState
from delivery.views.recipients import LARGEST_ID, PER_PAGE, number_in


class ReportFilter(forms.Form):
    """Which reports are listed."""

    q = forms.CharField(
        label=gettext_lazy("Recipient in the report"), required=False, max_length=320
    )
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("All")), *ReportState.choices],
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        required=False,
        choices=[("", gettext_lazy("All")), *ReportKind.choices],
    )


@require_safe
@operators_only
def report_list(request: HttpRequest) -> HttpResponse:
    """Newest first; without a filter those that could not be matched, if there are any."""
    has_unmatched = Report.objects.filter(state=ReportState.UNMATCHED).exists()
    form = ReportFilter(request.GET or {"state": ReportState.UNMATCHED if has_unmatched else ""})
    values = form.cleaned_data if form.is_valid() else {}
    found = reports_found.listed(
        state=values.get("state", ""), kind=values.get("kind", ""), recipient=values.get("q", "")
    )
    before = number_in(request.GET.get("before", "")) or LARGEST_ID
    rows = list(found.filter(id__lt=before)[: PER_PAGE + 1])
    context = {
        "form": form,
        "tallies": reports_found.tallies(now=timezone.now()),
        "has_failed": Report.objects.filter(state=ReportState.FAILED).exists(),
        "kinds": ReportKind.choices,
        "rows": rows[:PER_PAGE],
        "next_id": rows[PER_PAGE - 1].pk if len(rows) > PER_PAGE else None,
    }
    return render(request, "delivery/report_list.html", context)


@require_safe
@operators_only
def report(request: HttpRequest, report_id: int) -> HttpResponse:
    found = get_object_or_404(Report.objects.select_related("customer"), pk=report_id)
    raw = reports_found.raw_of(found)
    context = {
        "report": found,
        "delivery": Delivery.objects.filter(pk=found.delivery_id or 0).only("address").first(),
        "raw": reports_found.shown(raw),
        "is_cut": len(raw) > reports_found.SHOWN,
        "has_failed": found.state == ReportState.FAILED,
        "is_by_hand": found.reason == reports_by_hand.BY_HAND,
        "knowing": reports_by_hand.who_knows(found)
        if found.reason == reports_by_hand.BY_HAND
        else [],
    }
    return render(request, "delivery/report_detail.html", context)


@require_safe
@operators_only
def report_raw(request: HttpRequest, report_id: int) -> HttpResponse:
    """The mail as it came. Never shown by a browser: strangers have written it."""
    raw = reports_found.raw_of(get_object_or_404(Report, pk=report_id))
    response = HttpResponse(raw, content_type="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="report-{report_id}.eml"'
    return response


@require_POST
@operating_only
def reports_reread(request: HttpRequest) -> HttpResponse:
    """All that have failed."""
    count = len(reports_again.read_again(by=person_of(request), now=timezone.now()))
    told = ngettext(
        "%(n)s report will be read again.", "%(n)s reports will be read again.", count
    ) % {"n": count}
    messages.success(request, told)
    return redirect("report_list")


@require_POST
@operating_only
def report_reread(request: HttpRequest, report_id: int) -> HttpResponse:
    """One; nothing happens to one that has not failed."""
    get_object_or_404(Report, pk=report_id)
    if reports_again.read_again(only=[report_id], by=person_of(request), now=timezone.now()):
        messages.success(request, _("It will be read again in a moment."))
    return redirect("report", report_id)


@require_POST
@operating_only
def report_honour(request: HttpRequest, report_id: int) -> HttpResponse:
    """End the mail that an opt-out may have meant which names nobody any more."""
    get_object_or_404(Report, pk=report_id)
    done = reports_by_hand.honour(report_id=report_id, by=person_of(request), now=timezone.now())
    if done:
        names = ", ".join(customer.name for customer in done)
        messages.success(request, _("Ended: the mail of %(names)s to it.") % {"names": names})
    return redirect("report", report_id)
