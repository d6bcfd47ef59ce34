"""Addresses that must not be mailed: of one customer, or (without one) of the whole platform."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from customers import suppression_files, suppressions
from customers.access import (
    can_edit,
    get_owner_or_404,
    members_only,
    person_of,
    require_edit,
)
from customers.csv_reading import BrokenFile
from customers.forms import LiftForm, SuppressionFileForm, SuppressionFilter, SuppressionForm
from customers.models import Customer, Person, Suppression, SuppressionReason
from customers.models.suppression import SuppressionQuerySet
from customers.suppression_files import ImportRefused, RowProblem
from customers.suppressions import Added
from wire.addresses import InvalidAddress, parse

PER_PAGE = 50
_ADDED = {
    Added.NEW: gettext_lazy("%(address)s is not mailed any more."),
    Added.STRICTER: gettext_lazy(
        "%(address)s was blocked by hand already; the stricter of both blocks holds."
    ),
    Added.KNOWN: gettext_lazy("%(address)s was blocked by hand already."),
}


@require_safe
@members_only
def suppression_list(request: HttpRequest, customer_id: int | None = None) -> HttpResponse:
    return _page(request, get_owner_or_404(person_of(request), customer_id))


@require_POST
@members_only
def suppression_add(request: HttpRequest, customer_id: int | None = None) -> HttpResponse:
    person = person_of(request)
    customer = _changeable(person, customer_id)
    form = SuppressionForm(request.POST)
    if not form.is_valid():
        return _page(request, customer, form=form, status=400)
    key = form.cleaned_data["address"]
    added = suppressions.add(
        customer_id=customer_id,
        key=key,
        reason=SuppressionReason.MANUAL,
        evidence={"note": form.cleaned_data["note"]},
        expires_at=form.expires_at(),
        by=person,
        now=timezone.now(),
    )
    messages.success(request, _ADDED[added] % {"address": key})
    return _back(customer)


@require_POST
@members_only
def suppression_import(request: HttpRequest, customer_id: int | None = None) -> HttpResponse:
    """All of the file, or nothing and the list of what is wrong."""
    person = person_of(request)
    customer = _changeable(person, customer_id)
    form = SuppressionFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, customer, file_form=form, status=400)
    try:
        done = _take_in(form.cleaned_data["file"], customer_id, person)
    except BrokenFile as error:
        form.add_error("file", str(error))
        return _page(request, customer, file_form=form, status=400)
    except ImportRefused as error:
        return _page(request, customer, problems=error.problems, status=400)
    words = ngettext(
        "%(added)s address added, %(known)s known before.",
        "%(added)s addresses added, %(known)s known before.",
        done.added,
    )
    told = words % {"added": f"{done.added:,}", "known": f"{done.known:,}"}
    messages.success(request, f"{told} {_stricter(done.stricter)}".rstrip())
    return _back(customer)


def _stricter(count: int) -> str:
    """A sentence on the known ones that were changed; "" for none."""
    words = ngettext(
        "%(count)s of these holds more strictly now.",
        "%(count)s of these hold more strictly now.",
        count,
    )
    return words % {"count": f"{count:,}"} if count else ""


@require_safe
@members_only
def suppression_export(
    request: HttpRequest, customer_id: int | None = None
) -> StreamingHttpResponse:
    """The rows that the filter shows, all of them."""
    customer = get_owner_or_404(person_of(request), customer_id)
    rows = _rows(customer, SuppressionFilter(request.GET)).order_by("key", "id")
    response = StreamingHttpResponse(
        suppression_files.give_out(rows, to_operator=person_of(request).is_operator),
        content_type="text/csv; charset=utf-8",
    )
    whose = f"customer-{customer.pk}" if customer else "everyone"
    response.headers["Content-Disposition"] = f'attachment; filename="suppressions-{whose}.csv"'
    return response


@require_POST
@members_only
def suppression_lift(request: HttpRequest, suppression_id: int) -> HttpResponse:
    person = person_of(request)
    found = get_object_or_404(Suppression.objects.select_related("customer"), pk=suppression_id)
    customer = _changeable(person, found.customer_id)
    form = LiftForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing was changed: give a reason of at most 300 characters."))
        return _back(customer)
    try:
        suppressions.lift(suppression=found, by=person, now=timezone.now(), **form.cleaned_data)
    except suppressions.LiftRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(address)s may be mailed again.") % {"address": found.key})
    return _back(customer)


def _changeable(person: Person, customer_id: int | None) -> Customer | None:
    """The same for changes; raises PermissionDenied for those who may only look."""
    customer = get_owner_or_404(person, customer_id)
    if customer is not None:
        require_edit(person, customer)
    elif not person.can_operate:
        raise PermissionDenied
    return customer


def _back(customer: Customer | None) -> HttpResponse:
    if customer is None:
        return redirect("suppression_list_everyone")
    return redirect("suppression_list", customer.pk)


def _page(
    request: HttpRequest,
    customer: Customer | None,
    *,
    form: SuppressionForm | None = None,
    file_form: SuppressionFileForm | None = None,
    problems: Sequence[RowProblem] = (),
    status: int = 200,
) -> HttpResponse:
    person = person_of(request)
    chosen = SuppressionFilter(request.GET)
    found = _rows(customer, chosen)
    after = request.GET.get("after", "").replace("\x00", "")
    rows = list(_after(found, after).select_related("created_by", "lifted_by")[: PER_PAGE + 1])
    may_edit = can_edit(person, customer) if customer else person.can_operate
    context: dict[str, Any] = {
        "customer": customer,
        "filter": chosen,
        "rows": rows[:PER_PAGE],
        "now": timezone.now(),
        "next_place": _place(rows[PER_PAGE - 1]) if len(rows) > PER_PAGE else "",
        "forms": (form or SuppressionForm(), file_form or SuppressionFileForm())
        if may_edit
        else (),
        "problems": problems,
        "may_edit": may_edit,
        "query": request.GET.urlencode(),
    }
    return render(request, "customers/suppression_list.html", context, status=status)


def _place(row: Suppression) -> str:
    return f"{row.pk}:{row.key}"


def _after(found: SuppressionQuerySet, place: str) -> SuppressionQuerySet:
    """The rows behind a place, in the order of their addresses; all for a place that is none."""
    ordered = found.order_by("key", "id")
    number, colon, key = place.partition(":")
    if not (colon and number.isdecimal() and len(number) < 20):
        return ordered
    return ordered.filter(Q(key__gt=key) | Q(key=key, id__gt=int(number)))


def _rows(customer: Customer | None, form: SuppressionFilter) -> SuppressionQuerySet:
    """A customer's own; with a whole address typed in, those of everyone that hold for it too.

    Of these not even the beginning can be searched: a list would tell of others' recipients.
    """
    chosen = form.cleaned_data if form.is_valid() else {}
    typed = chosen.get("q", "")
    key, beginning = _as_stored(typed)
    whose = Q(customer=customer, key__startswith=beginning)
    if key:
        whose |= Q(customer=None, key=key)
    found = Suppression.objects.filter(whose)
    if not chosen.get("lifted"):
        found = found.active()
    if chosen.get("reason"):
        found = found.filter(reason=chosen["reason"])
    return found


def _as_stored(typed: str) -> tuple[str, str]:
    """The key of a whole address, "" if it is none, and what the keys looked for begin with."""
    try:
        key = parse(typed).key
    except InvalidAddress:
        return "", typed.replace("\x00", "").lower()
    return key, key


def _take_in(
    file: "UploadedFile[bytes]", customer_id: int | None, person: Person
) -> suppression_files.Imported:
    with tempfile.NamedTemporaryFile(suffix=".csv") as spool:
        for chunk in file.chunks():
            spool.write(chunk)
        spool.flush()
        return suppression_files.take_in(
            Path(spool.name),
            customer_id=customer_id,
            name=file.name or "file",
            by=person,
            now=timezone.now(),
        )
