"""API keys: of one customer, or (without one) of the platform's operators."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from customers import keys
from customers.access import get_owner_or_404, members_only, person_of
from customers.key_forms import KeyForm
from customers.models import ApiKey, Customer, Person

STATE_WORDS = {
    "active": gettext_lazy("in use"),
    "expired": gettext_lazy("expired"),
    "revoked": gettext_lazy("revoked"),
}


@require_safe
@members_only
def key_list(request: HttpRequest, customer_id: int | None = None) -> HttpResponse:
    return _page(request, get_owner_or_404(person_of(request), customer_id))


@require_POST
@never_cache
@members_only
def key_make(request: HttpRequest, customer_id: int | None = None) -> HttpResponse:
    """The answer shows the key; no other page ever will."""
    person = person_of(request)
    customer = _manageable(person, customer_id)
    form = KeyForm(request.POST, may_set_rate=person.can_administer)
    if not form.is_valid():
        return _page(request, customer, form=form, status=400)
    made = keys.make(customer=customer, by=person, now=timezone.now(), **form.values())
    return render(request, "customers/key_made.html", {"customer": customer, "made": made})


@require_POST
@members_only
def key_revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    person = person_of(request)
    key = get_object_or_404(ApiKey.objects.select_related("customer"), pk=key_id)
    customer = _manageable(person, key.customer_id)
    if keys.revoke(key=key, by=person, now=timezone.now()):
        words = _("%(key)s is revoked: programs that use it are refused from now on.")
        messages.success(request, words % {"key": key.shown})
    return redirect("key_list", customer.pk) if customer else redirect("key_list_operators")


def _manageable(person: Person, customer_id: int | None) -> Customer | None:
    """The same for changes; raises PermissionDenied for those who may only look."""
    customer = get_owner_or_404(person, customer_id)
    if not keys.may_manage(person, customer):
        raise PermissionDenied
    return customer


def _page(
    request: HttpRequest,
    customer: Customer | None,
    *,
    form: KeyForm | None = None,
    status: int = 200,
) -> HttpResponse:
    person, now = person_of(request), timezone.now()
    found = ApiKey.objects.filter(customer=customer).select_related("created_by", "revoked_by")
    may_manage = keys.may_manage(person, customer)
    empty = KeyForm(may_set_rate=person.can_administer) if may_manage else None
    context = {
        "customer": customer,
        "rows": [
            (key, key.state(now), STATE_WORDS[key.state(now)]) for key in found.order_by("-id")
        ],
        "form": form or empty,
    }
    return render(request, "customers/key_list.html", context, status=status)
