"""Customers with what delivery and compliance know of them: pool, standing, mailings."""

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from compliance import standings
from customers.access import can_edit, customers_of, get_customer_or_404, members_only, person_of
from customers.models import Customer, RecipientList
from delivery import figures
from delivery.models import Assignment, Mailing

SHOWN = 10  # mailings on a customer's page


@require_safe
@members_only
def customer_list(request: HttpRequest) -> HttpResponse:
    own = customers_of(person_of(request)).select_related("assignment__pool", "standing")
    counted = own.annotate(list_count=Count("lists", distinct=True))
    return render(request, "customers/customer_list.html", {"customers": counted.order_by("name")})


@require_safe
@members_only
def customer(request: HttpRequest, customer_id: int) -> HttpResponse:
    person = person_of(request)
    found = get_customer_or_404(person, customer_id)
    mailings = list(_latest(found))
    context = {
        "customer": found,
        "lists": _lists(found),
        "memberships": found.memberships.select_related("person").order_by("role", "id"),
        "assignment": Assignment.objects.filter(customer=found).select_related("pool").first(),
        "standing": standings.of(found),
        "mailings": mailings,
        "progress": figures.progress(mailings),
        "may_edit": can_edit(person, found),
    }
    return render(request, "customers/customer_detail.html", context)


def _latest(customer: Customer) -> QuerySet[Mailing]:
    found = Mailing.objects.filter(customer=customer).defer("text", "html")
    return found.order_by("-created_at", "-id")[:SHOWN]


def _lists(customer: Customer) -> QuerySet[RecipientList]:
    found = RecipientList.objects.filter(customer=customer)
    return found.annotate(contact_count=Count("contacts")).order_by("name")
