"""Mailings: the list, one with its progress, and what may be done with it."""

from typing import Any

from csp.decorators import csp_replace
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from customers.access import (
    can_edit,
    customers_of,
    editable_by,
    members_only,
    person_of,
    require_edit,
)
from customers.models import AuditEntry, Person
from delivery import composition, figures, holds, mailings, routing
from delivery.drafts import Draft
from delivery.forms import MailingFilter
from delivery.models import Mailing, MailingAttachment, Pool
from delivery.problem_words import WITHOUT_LINK
from delivery.routing import Hold
from delivery.states import MAILING_MOVES, MailingState
from wire import mime

PER_PAGE = 25
# How often the moving part is asked for, in seconds; counting a large mailing costs more.
POLL, POLL_LARGE, LARGE = 2, 10, 200_000
# What a person may ask for, and the state it leads to.
ACTIONS = {
    "pause": MailingState.PAUSED,
    "resume": MailingState.SENDING,
    "cancel": MailingState.CANCELLED,
}
# Mail is shown as receivers might show it, but it runs nothing, loads nothing, leads nowhere.
MAIL_POLICY = {
    "default-src": ["'none'"],
    "img-src": ["data:"],
    "style-src": ["'unsafe-inline'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'self'"],
    "sandbox": True,
}


def get_mailing(person: Person, mailing_id: int) -> Mailing:
    """Raises Http404 for strangers to its customer."""
    own = Mailing.objects.filter(customer__in=customers_of(person))
    return get_object_or_404(own.select_related("customer", "created_by"), pk=mailing_id)


@require_safe
@members_only
def mailing_list(request: HttpRequest) -> HttpResponse:
    own = customers_of(person_of(request)).order_by("name")
    form = MailingFilter(request.GET, customers=own)
    found = Mailing.objects.filter(customer__in=own).select_related("customer")
    if form.is_valid():
        found = found.filter(**_conditions(form.cleaned_data))
    ordered = found.defer("text", "html").order_by("-id")
    page = Paginator(ordered, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "progress": figures.progress(list(page)),
        "holds": holds.held(routing.table(), now=timezone.now()),
        "may_compose": editable_by(person_of(request)).exists(),
    }
    return render(request, "delivery/mailing_list.html", context)


def _conditions(values: dict[str, Any]) -> dict[str, Any]:
    wanted = {
        "subject__icontains": values["q"],
        "customer": values["customer"],
        "state": values["state"],
    }
    return {name: value for name, value in wanted.items() if value}


@require_safe
@members_only
def mailing(request: HttpRequest, mailing_id: int) -> HttpResponse:
    found = get_mailing(person_of(request), mailing_id)
    history = AuditEntry.objects.filter(subject=f"mailing:{found.pk}").order_by("-at", "-id")
    context = {
        "mailing": found,
        **_moving(found),
        **_content(found),
        "attachments": found.attachments.defer("data").order_by("id"),
        "lists": found.lists.order_by("name"),
        "history": history[:50],
        "actions": _actions(person_of(request), found),
    }
    return render(request, "delivery/mailing_detail.html", context)


@require_safe
@members_only
def mailing_progress(request: HttpRequest, mailing_id: int) -> HttpResponse:
    """The moving part of the page: progress, reasons and destinations as of one moment.

    The whole page is asked for anew when the mailing's state has changed.
    """
    found = get_mailing(person_of(request), mailing_id)
    context = {"mailing": found, **_moving(found)}
    response = render(request, "delivery/mailing_detail.html#progress", context)
    if request.GET.get("state") != found.state:
        response["HX-Refresh"] = "true"
    return response


@require_safe
@members_only
@xframe_options_sameorigin
@csp_replace(MAIL_POLICY)  # type: ignore[arg-type]  # its type knows views without arguments only
def mailing_html(request: HttpRequest, mailing_id: int) -> HttpResponse:
    """The HTML part alone, for a sandboxed frame."""
    return HttpResponse(get_mailing(person_of(request), mailing_id).html)


@require_safe
@members_only
def mailing_attachment(request: HttpRequest, mailing_id: int, attachment_id: int) -> HttpResponse:
    """Always a download: nothing that a customer uploaded is shown in our pages' name."""
    found = get_mailing(person_of(request), mailing_id)
    attachment = get_object_or_404(MailingAttachment, mailing=found, pk=attachment_id)
    response = HttpResponse(bytes(attachment.data), content_type="application/octet-stream")
    disposition = content_disposition_header(True, attachment.file_name)
    response.headers["Content-Disposition"] = disposition or "attachment"
    return response


@require_POST
@members_only
def mailing_action(request: HttpRequest, mailing_id: int, action: str) -> HttpResponse:
    """Pause, resume or cancel."""
    person = person_of(request)
    found = get_mailing(person, mailing_id)
    require_edit(person, found.customer)
    why = request.POST.get("why", "").strip()[:300]
    try:
        mailings.move(
            mailing_id=found.pk, to=ACTIONS[action], by=person, now=timezone.now(), why=why
        )
    except mailings.WrongState as error:
        words = _("A mailing that is %(before)s cannot become %(to)s.")
        messages.error(request, words % {"before": error.before.label, "to": error.to.label})
    return redirect("mailing", found.pk)


def _moving(found: Mailing) -> dict[str, Any]:
    is_open = found.state in figures.UNDER_WAY
    waits = is_open or found.state == MailingState.SCHEDULED
    route = holds.route_of(found, now=timezone.now()) if waits else None
    rows = figures.outcomes(found)
    progress = figures.overall(rows)
    return {
        "progress": progress,
        "reasons": figures.by_reason(rows),
        "destinations": figures.by_destination(rows),
        "poll_seconds": POLL_LARGE if progress.total > LARGE else POLL,
        "is_open": is_open,
        "waits": waits,
        "pool": route if isinstance(route, Pool) else None,
        "hold": route.reason if isinstance(route, Hold) else "",
    }


def _content(found: Mailing) -> dict[str, Any]:
    """What is sent where it is not just what was written."""
    draft = composition.draft_of(found, with_files=False)
    return {
        "plain_text": draft.plain_text,
        "link_note": WITHOUT_LINK.get(draft.bodies_without_link, ""),
        "encoding": encoding_words(draft),
    }


def encoding_words(draft: Draft) -> str:
    """The character encoding in which the mailing goes out, if that is not the one chosen."""
    if draft.charset == "utf-8":
        return "UTF-8"
    compiled = mime.compile(draft.content())
    if not compiled.prefers_iso_2022_jp:
        return _("UTF-8, since the content cannot be written in ISO-2022-JP")
    if not compiled.fields:
        return "ISO-2022-JP"
    return _("ISO-2022-JP; UTF-8 where a recipient's fields cannot be written in it")


def _actions(person: Person, found: Mailing) -> list[str]:
    if not can_edit(person, found.customer):
        return []
    moves = MAILING_MOVES[MailingState(found.state)]
    is_paused = found.state == MailingState.PAUSED
    return [
        action
        for action, state in ACTIONS.items()
        if state in moves and (action != "resume" or is_paused)
    ]
