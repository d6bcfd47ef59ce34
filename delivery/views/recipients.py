"""Recipients: those of one mailing, any by address or id, and one with all its attempts."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from customers.access import customers_of, members_only, person_of
from delivery import composition, figures, reports_found
from delivery.forms import RecipientFilter
from delivery.models import Attempt, Delivery, Mailing
from delivery.views.mailings import get_mailing
from wire.addresses import InvalidAddress, parse

PER_PAGE = 50
LARGEST_ID = 2**63 - 1
COLUMNS = ("id", "address", "state", "reason", "attempts", "queued_at", "finished_at")


@dataclass(frozen=True, slots=True)
class Slice:
    """A page of rows by id; `next_id` is the last id shown if more follow, else None."""

    rows: list[Delivery]
    next_id: int | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A line of an SMTP conversation: `mark` is C, S or "" for what happened beside it."""

    offset: str
    mark: str
    words: str


@require_safe
@members_only
def mailing_recipients(request: HttpRequest, mailing_id: int) -> HttpResponse:
    mailing = get_mailing(person_of(request), mailing_id)
    form = RecipientFilter(request.GET)
    after = number_in(request.GET.get("after", ""))
    page = _slice(_filtered(mailing, form).filter(id__gt=after).order_by("id"))
    context = {"mailing": mailing, "form": form, "page": page}
    return render(request, "delivery/recipient_list.html", context)


@require_safe
@members_only
def mailing_recipients_csv(request: HttpRequest, mailing_id: int) -> StreamingHttpResponse:
    """The same rows as the page, all of them, codes as they are stored, times in UTC."""
    mailing = get_mailing(person_of(request), mailing_id)
    rows = _filtered(mailing, RecipientFilter(request.GET)).order_by("id")
    response = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
    name = f"mailing-{mailing.pk}-recipients.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@members_only
def search(request: HttpRequest) -> HttpResponse:
    """Every delivery to an address, or the one with an id or a Message-ID; newest first."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:400]
    own = Delivery.objects.filter(customer__in=customers_of(person_of(request)))
    own = own.annotate(address_lower=Lower("address"))
    found = own.filter(_wanted(query)).select_related("mailing", "customer").order_by("-id")
    before = number_in(request.GET.get("before", "")) or LARGEST_ID
    page = _slice(found.filter(id__lt=before))
    context = {"query": query, "page": page if query else None}
    return render(request, "delivery/search.html", context)


@require_safe
@members_only
def delivery(request: HttpRequest, delivery_id: int) -> HttpResponse:
    own = Delivery.objects.filter(customer__in=customers_of(person_of(request)))
    found = get_object_or_404(own.select_related("mailing", "customer"), pk=delivery_id)
    attempts = list(figures.attempts_of(found))
    context = {
        "delivery": found,
        "attempts": [(attempt, conversation(attempt)) for attempt in attempts],
        "reports": list(reports_found.of_delivery(found)),
        "message_id": composition.message_id(found.pk, _sender_domain(found.mailing)),
    }
    return render(request, "delivery/delivery_detail.html", context)


def conversation(attempt: Attempt) -> list[Spoken]:
    """The lines of wire.outcomes.Conversation taken apart."""
    return [_spoken(line) for line in attempt.conversation.splitlines()]


def _spoken(line: str) -> Spoken:
    offset, _blank, rest = line.partition(" ")
    mark, _blank, words = rest.partition(" ")
    if mark in {"C:", "S:"}:
        return Spoken(offset, mark[0], words)
    return Spoken(offset, "", words if mark == "--" else rest)


def _sender_domain(mailing: Mailing) -> str:
    return parse(mailing.from_address).domain


def _filtered(mailing: Mailing, form: RecipientFilter) -> QuerySet[Delivery]:
    """All of the mailing's deliveries when the filter makes no sense."""
    found = figures.deliveries_of([mailing])
    if not form.is_valid():
        return found
    values = form.cleaned_data
    if values["address"]:
        lower = found.annotate(address_lower=Lower("address"))
        found = lower.filter(address_lower=_as_stored(values["address"]))
    return found.filter(**{name: values[name] for name in ("state", "reason") if values[name]})


def _slice(found: QuerySet[Delivery]) -> Slice:
    rows = list(found[: PER_PAGE + 1])
    shown = rows[:PER_PAGE]
    return Slice(shown, shown[-1].pk if len(rows) > PER_PAGE else None)


def _wanted(query: str) -> Q:
    found = Q(address_lower=_as_stored(query))
    number = number_in(query) or composition.read_message_id(query) or 0
    return found | Q(id=number) if 0 < number <= LARGEST_ID else found


def _as_stored(typed: str) -> str:
    """An address in the form that all its spellings share: full width, 日本語.example and all."""
    try:
        return parse(typed).key
    except InvalidAddress:
        return typed.lower()


def number_in(text: str) -> int:
    """A positive id, or 0."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    return number if number <= LARGEST_ID else 0


def _lines(rows: QuerySet[Delivery]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff"  # so that spreadsheets read UTF-8
    yield writer.writerow(COLUMNS)
    for row in rows.values_list(*COLUMNS).iterator(chunk_size=2000):
        yield writer.writerow([_cell(value) for value in row])


def _cell(value: Any) -> str:
    """As text; one that a spreadsheet would run as a formula is quoted."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text


class _Echo:
    """A file for csv.writer that gives back each line."""

    def write(self, line: str) -> str:
        return line
