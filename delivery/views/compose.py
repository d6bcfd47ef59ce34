"""Writing a new mailing."""

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from customers.access import (
    editable_by,
    get_customer_or_404,
    members_only,
    person_of,
    require_edit,
)
from customers.models import Customer, Person
from delivery import mailings
from delivery.drafts import MailingRefused, problems_of
from delivery.forms import ComposeForm
from delivery.models import Mailing

log = logging.getLogger(__name__)


@require_safe
@members_only
def compose_start(request: HttpRequest) -> HttpResponse:
    """Whose mailing it will be; with one customer there is nothing to choose."""
    choices = list(editable_by(person_of(request)).order_by("name"))
    if len(choices) == 1:
        return redirect("compose", choices[0].pk)
    return render(request, "delivery/compose_start.html", {"choices": choices})


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def compose(request: HttpRequest, customer_id: int) -> HttpResponse:
    """What was typed stays when it is refused, and each problem stands at its field."""
    person = person_of(request)
    customer = get_customer_or_404(person, customer_id)
    require_edit(person, customer)
    if request.method != "POST":
        form = ComposeForm(customer=customer, initial=_initial(request, customer))
    else:
        form = ComposeForm(request.POST, request.FILES, customer=customer)
        if not form.is_valid():
            _tell_more(form, customer)
        elif mailing := _made(form, customer, person):
            return redirect("mailing", mailing.pk)
    context = {"form": form, "customer": customer}
    return render(request, "delivery/compose.html", context, status=400 if form.errors else 200)


def _made(form: ComposeForm, customer: Customer, person: Person) -> Mailing | None:
    """The mailing, or None with its problems shown in the form."""
    try:
        return mailings.create(
            customer=customer,
            draft=form.draft(),
            lists=list(form.cleaned_data["lists"]),
            given=form.cleaned_data["recipients"],
            scheduled_at=form.cleaned_data["scheduled_at"],
            by=person,
            now=timezone.now(),
        )
    except MailingRefused as refusal:
        form.show(refusal.problems)
        return None


def _tell_more(form: ComposeForm, customer: Customer) -> None:
    """What else is wrong with the content, so that nobody learns of it one by one."""
    limit = settings.ATTACHMENT_LIMIT_MB * 1_000_000
    problems = problems_of(form.draft(), known=None, attachment_limit=limit)
    form.show(problems)
    found = [f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()]
    log.warning("Mailing of %s not queued: %s", customer.slug, " ".join(found))


def _initial(request: HttpRequest, customer: Customer) -> dict[str, object]:
    """A chosen list, and the sender of the customer's last mailing."""
    own = Mailing.objects.filter(customer=customer)
    last = own.order_by("-id").values("from_name", "from_address", "reply_to").first()
    chosen = request.GET.get("list", "")
    return {**(last or {}), "lists": [int(chosen)] if chosen.isdecimal() else []}
