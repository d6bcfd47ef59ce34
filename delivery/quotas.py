"""A customer's share of the lanes, and how many messages it may send in an hour and a day."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from customers import audit
from delivery import allowances, announcements, windows
from delivery.ids import floor_of
from delivery.models import Assignment, Attempt

FIELDS = ("weight", "messages_per_hour", "messages_per_day")


def change(
    *, row: Assignment, to: Mapping[str, int | None], why: str, by: audit.Actor, now: datetime
) -> bool:
    """Set a customer's share and limits (some of FIELDS). False when they were so already."""
    with transaction.atomic():
        found = Assignment.objects.select_for_update().get(pk=row.pk)
        before: dict[str, int | None] = {name: getattr(found, name) for name in FIELDS}
        after = before | {name: to[name] for name in FIELDS if name in to}
        if after == before:
            return False
        Assignment.objects.filter(pk=row.pk).update(**after)
        audit.record(
            verb="customer.share",
            subject=f"customer:{row.customer_id}",
            customer_id=row.customer_id,
            by=by,
            now=now,
            before=_told(before),
            after=_told(after),
            why=why,
        )
        announcements.make()
    return True


def _told(values: Mapping[str, int | None]) -> str:
    return " / ".join("-" if values[name] is None else str(values[name]) for name in FIELDS)


def limited() -> dict[int, Assignment]:
    """Customer id -> the assignment that limits it."""
    rows = Assignment.objects.exclude(messages_per_hour=None, messages_per_day=None)
    return {row.customer_id: row for row in rows}


def windows_of(row: Assignment, *, now: datetime) -> list[windows.Window]:
    """The customer's open windows."""
    customer_id = row.customer_id

    def count(since: datetime) -> int:
        sent = Attempt.objects.filter(customer=customer_id, at__gte=since)
        # An attempt's id is from when its delivery was claimed: a little earlier than the attempt.
        return allowances.used(sent.filter(id__gte=floor_of(since - timedelta(hours=1))))

    found = []
    if row.messages_per_hour is not None:
        hour, limit = windows.hour_of(now), row.messages_per_hour
        found.append(windows.Window(f"hour:{customer_id}", hour, 3600, limit, count))
    if row.messages_per_day is not None:
        day, limit = windows.day_of(now), row.messages_per_day
        found.append(windows.Window(f"day:{customer_id}", day, 86_400, limit, count))
    return found


def used_up(*, now: datetime) -> set[int]:
    """Customers who may send nothing more in this hour or day."""
    return {
        customer_id
        for customer_id, row in limited().items()
        if windows.is_used_up(windows_of(row, now=now))
    }
