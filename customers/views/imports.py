"""Imports of contacts: handing in a file, watching it, and what was not taken."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from customers import imports
from customers.access import (
    customers_of,
    get_customer_or_404,
    members_only,
    person_of,
    require_edit,
)
from customers.forms import ImportForm
from customers.models import Basis, ImportBatch, Person, RecipientList

PER_PAGE = 50


@require_POST
@members_only
def import_new(request: HttpRequest, customer_id: int, list_id: int) -> HttpResponse:
    """Store the file; a worker reads it."""
    person = person_of(request)
    customer = get_customer_or_404(person, customer_id)
    require_edit(person, customer)
    found = get_object_or_404(RecipientList, customer=customer, pk=list_id)
    form = ImportForm(request.POST, request.FILES)
    batch = _accepted(request, form, found, person)
    return redirect("import", batch.pk) if batch else redirect("list", customer.pk, found.pk)


def _accepted(
    request: HttpRequest, form: ImportForm, found: RecipientList, person: Person
) -> ImportBatch | None:
    """The batch, or None after telling why there is none."""
    if not form.is_valid():
        for name, problems in form.errors.items():
            words = " ".join(str(problem) for problem in problems)
            messages.error(request, f"{form[name].label}: {words}")
        return None
    values = form.cleaned_data
    try:
        return imports.accept(
            recipient_list=found,
            file=values["file"],
            basis=Basis(values["basis"]),
            by=person,
            now=timezone.now(),
        )
    except imports.FileRefused as error:
        messages.error(request, str(error))
        return None


def _get_batch(person: Person, batch_id: int) -> ImportBatch:
    own = ImportBatch.objects.filter(customer__in=customers_of(person))
    related = own.select_related("recipient_list", "customer", "created_by")
    return get_object_or_404(related, pk=batch_id)


@require_safe
@members_only
def import_batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    batch = _get_batch(person_of(request), batch_id)
    rows = Paginator(batch.rejections.order_by("row", "id"), PER_PAGE)
    context = {"batch": batch, "page": rows.get_page(request.GET.get("page"))}
    return render(request, "customers/import_detail.html", context)


@require_safe
@members_only
def import_progress(request: HttpRequest, batch_id: int) -> HttpResponse:
    """The moving part; the whole page is asked for anew at the end, with the rejected rows."""
    batch = _get_batch(person_of(request), batch_id)
    response = render(request, "customers/import_detail.html#progress", {"batch": batch})
    if batch.finished_at:
        response["HX-Refresh"] = "true"
    return response


@require_safe
@members_only
def import_rejections(request: HttpRequest, batch_id: int) -> StreamingHttpResponse:
    batch = _get_batch(person_of(request), batch_id)
    response = StreamingHttpResponse(
        imports.rejections_csv(batch), content_type="text/csv; charset=utf-8"
    )
    name = f"import-{batch.pk}-rejected.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
