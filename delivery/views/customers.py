"""Customers with what delivery and compliance know of them: pool, standing, mailings."""

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from compliance import standings
from customers.access import (
    can_edit,
    customers_of,
    get_customer_or_404,
    members_only,
    operating_only,
    person_of,
)
from customers.models import Customer, RecipientList
from delivery import figures, quotas
from delivery.limit_forms import ShareForm
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
    assignment = Assignment.objects.filter(customer=found).select_related("pool").first()
    context = {
        "customer": found,
        "has_others": customers_of(person)[:2].count() > 1,
        "lists": _lists(found),
        "memberships": found.memberships.select_related("person").order_by("role", "id"),
        "assignment": assignment,
        "share_form": ShareForm(instance=assignment) if person.can_operate else None,
        "standing": standings.of(found),
        "mailings": mailings,
        "progress": figures.progress(mailings),
        "may_edit": can_edit(person, found),
    }
    return render(request, "customers/customer_detail.html", context)


@require_POST
@operating_only
def customer_share(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Change the customer's weight and limits."""
    row = get_object_or_404(Assignment, customer=customer_id)
    form = ShareForm(request.POST, instance=row)
    if form.is_valid():
        why, person = form.cleaned_data["why"], person_of(request)
        quotas.change(row=row, to=form.share(), why=why, by=person, now=timezone.now())
    else:
        messages.error(request, _("Nothing was changed: give whole numbers and a reason."))
    return redirect("customer", customer_id)


def _latest(customer: Customer) -> QuerySet[Mailing]:
    found = Mailing.objects.filter(customer=customer).defer("text", "html")
    return found.order_by("-created_at", "-id")[:SHOWN]


def _lists(customer: Customer) -> QuerySet[RecipientList]:
    found = RecipientList.objects.filter(customer=customer)
    return found.annotate(contact_count=Count("contacts")).order_by("name")
