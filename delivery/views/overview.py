"""The operators' first page: is the platform well, what is under way, what waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from customers.access import customers_of, members_only, person_of
from delivery import condition, figures, holds, routing, wording
from delivery.models import Mailing
from delivery.states import MailingState

SHOWN = 12  # mailings under way on the first page
COMING = 5  # scheduled ones


@dataclass(frozen=True, slots=True)
class Line:
    """A mailing under way; `hold` is why it waits, "" when it does not."""

    mailing: Mailing
    progress: figures.Progress
    hold: str


@require_safe
@members_only
def overview(request: HttpRequest) -> HttpResponse:
    """Operators see the platform; members are led to what is theirs."""
    if not person_of(request).is_operator:
        return _own_place(request)
    template = "delivery/overview.html#live" if request.htmx else "delivery/overview.html"  # type: ignore[attr-defined]
    return render(request, template, _facts(timezone.now()))


def _own_place(request: HttpRequest) -> HttpResponse:
    own = list(customers_of(person_of(request))[:2])
    return redirect("customer", own[0].pk) if len(own) == 1 else redirect("customer_list")


def _facts(now: datetime) -> dict[str, Any]:
    mailings = list(figures.under_way())
    table, names = routing.table(), figures.pool_names()
    queue = figures.queue_state(mailings, now=now)
    held = holds.held(table, now=now)
    platform = condition.Condition(
        pools=len(names),
        troubles=figures.troubles(table, names),
        under_way=len(mailings),
        held=len(held),
        waiting_long=queue.waiting_long,
    )
    return {
        "condition": platform,
        "lines": _lines(mailings[:SHOWN], held),
        "hidden": max(0, len(mailings) - SHOWN),
        "queue": queue,
        "queue_age": (now - queue.oldest_due).total_seconds() if queue.oldest_due else None,
        "deferrals": figures.deferrals(mailings),
        "scheduled": _scheduled(),
        **_traffic(now),
    }


def _scheduled() -> QuerySet[Mailing]:
    found = Mailing.objects.filter(state=MailingState.SCHEDULED).select_related("customer")
    return found.defer("text", "html").order_by("scheduled_at", "id")[:COMING]


def _lines(mailings: list[Mailing], held: dict[int, routing.Hold]) -> list[Line]:
    progress = figures.progress(mailings)
    return [
        Line(mailing, progress[mailing.pk], held[mailing.pk].reason if mailing.pk in held else "")
        for mailing in mailings
    ]


def _traffic(now: datetime) -> dict[str, Any]:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = figures.tallies(since=now - figures.DAY)
    starts, lines = figures.series(rows, until=now)
    return {
        "today": figures.verdicts(rows, since=midnight),
        "expired": figures.expired_since(midnight),
        "refusals": figures.refusals(rows),
        "chart": _chart(starts, lines) | {"empty": "" if rows else _("No attempt in this time")},
    }


def _chart(starts: list[datetime], lines: dict[str, list[int]]) -> dict[str, Any]:
    """For static/js/charts.js."""
    return {
        "labels": [date_format(timezone.localtime(start), "H:i") for start in starts],
        "series": [
            {"code": code, "name": wording.words_for(code, wording.VERDICTS), "data": counts}
            for code, counts in lines.items()
        ],
    }
