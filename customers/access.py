"""Who may see and change what: operators everything, members their own customers' things.

What a person may not see is not found (404), so that nobody learns what exists by counting ids;
what one may see but not change is refused (403).
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404

from customers.models import Customer, Membership, Person, Role

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

_EDITORS = (Role.OWNER, Role.EDITOR)


def person_of(request: HttpRequest) -> Person:
    """The person signed in; only in views behind one of the decorators below."""
    return cast("Person", request.user)


def customers_of(person: Person) -> QuerySet[Customer]:
    """The customers whose pages this person may open."""
    if person.is_operator:
        return Customer.objects.all()
    return Customer.objects.filter(memberships__person=person)


def editable_by(person: Person) -> QuerySet[Customer]:
    """The customers whose lists and mailings this person may change."""
    if person.can_operate:
        return Customer.objects.all()
    return Customer.objects.filter(memberships__person=person, memberships__role__in=_EDITORS)


def get_customer_or_404(person: Person, customer_id: int) -> Customer:
    """Raises Http404 for a stranger as for a customer that does not exist."""
    return get_object_or_404(customers_of(person), pk=customer_id)


def get_owner_or_404(person: Person, customer_id: int | None) -> Customer | None:
    """The same for whose a thing is; what is nobody's (None) is the operators'."""
    if customer_id is not None:
        return get_customer_or_404(person, customer_id)
    if not person.is_operator:
        raise Http404
    return None


def can_edit(person: Person, customer: Customer) -> bool:
    """Whether forms are shown and posts are taken."""
    if person.can_operate:
        return True
    role = Membership.objects.filter(person=person, customer=customer, role__in=_EDITORS)
    return role.exists()


def require_edit(person: Person, customer: Customer) -> None:
    """Raises PermissionDenied for those who may only look."""
    if not can_edit(person, customer):
        raise PermissionDenied


def members_only(view: View[P]) -> View[P]:
    """Anonymous visitors go to the sign-in."""
    return login_required(view)


def operators_only(view: View[P]) -> View[P]:
    """For the platform's own pages: members of customers find nothing there."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not person_of(request).is_operator:
            raise Http404
        return view(request, *args, **kwargs)

    return members_only(guarded)


def operating_only(view: View[P]) -> View[P]:
    """For changes of the platform: operators who only look are refused."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not person_of(request).can_operate:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return operators_only(guarded)
