"""One recipient list: its contacts, its imports, and making a new one."""

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from customers import lists
from customers.access import (
    can_edit,
    get_customer_or_404,
    members_only,
    person_of,
    require_edit,
)
from customers.forms import ContactFilter, ImportForm, ListForm
from customers.models import Contact, Customer, Person, RecipientList
from wire.addresses import InvalidAddress, parse

PER_PAGE = 50


@require_safe
@members_only
def contact_list(request: HttpRequest, customer_id: int, list_id: int) -> HttpResponse:
    person = person_of(request)
    customer = get_customer_or_404(person, customer_id)
    found = get_object_or_404(RecipientList, customer=customer, pk=list_id)
    form = ContactFilter(request.GET)
    after = request.GET.get("after", "").replace("\x00", "")
    rows = list(_contacts(found, form, after)[: PER_PAGE + 1])
    context = {
        "list": found,
        "customer": customer,
        "form": form,
        "total": found.contacts.count(),
        "contacts": rows[:PER_PAGE],
        "next_key": rows[PER_PAGE - 1].key if len(rows) > PER_PAGE else "",
        "imports": found.imports.order_by("-id")[:10],
        "import_form": ImportForm() if can_edit(person, customer) else None,
    }
    return render(request, "customers/list_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def list_new(request: HttpRequest, customer_id: int) -> HttpResponse:
    person = person_of(request)
    customer = get_customer_or_404(person, customer_id)
    require_edit(person, customer)
    form = ListForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and (made := _made(form, customer, person)):
        return redirect("list", customer.pk, made.pk)
    context = {"form": form, "customer": customer}
    return render(request, "customers/list_new.html", context, status=400 if form.errors else 200)


def _made(form: ListForm, customer: Customer, person: Person) -> RecipientList | None:
    """The list, or None with the problem shown in the form."""
    try:
        name = form.cleaned_data["name"]
        return lists.create(customer=customer, name=name, by=person, now=timezone.now())
    except lists.ListRefused as refusal:
        form.add_error("name", str(refusal))
        return None


def _contacts(found: RecipientList, form: ContactFilter, after: str) -> QuerySet[Contact]:
    """In the order of their keys: that is the index which the search uses too."""
    rows = Contact.objects.filter(recipient_list=found, key__gt=after).order_by("key")
    if not form.is_valid():
        return rows
    if beginning := form.cleaned_data["q"]:
        rows = rows.filter(key__startswith=_as_stored(beginning))
    if status := form.cleaned_data["status"]:
        rows = rows.filter(status=status)
    return rows


def _as_stored(typed: str) -> str:
    """A whole address in the form of its key; the beginning of one only in lower case."""
    try:
        return parse(typed).key
    except InvalidAddress:
        return typed.lower()
