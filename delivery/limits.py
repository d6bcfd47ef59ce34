"""What one sending IP may do towards one destination now: the group's limits, slowed down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from textwrap import shorten

from django.db import transaction

from customers import audit
from delivery import announcements, slowdowns
from delivery.buckets import Rate
from delivery.models import Destination
from delivery.slowdowns import Pressed

FIELDS = (
    "max_connections",
    "messages_per_connection",
    "messages_per_second",
    "recipients_per_hour",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Per sending IP, shared by all workers. `connections` 0: nothing may go now."""

    connections: int
    messages_per_connection: int
    rate: Rate


def effective(found: Destination, slowed: Pressed) -> Limits:
    """The group's limits times the factor. Pure.

    Where no rate is set, the one that was measured when the destination complained takes its place
    until the factor is back at 1.
    """
    if slowed.until is not None:
        return Limits(0, found.messages_per_connection, Rate())
    per_second, per_hour = found.messages_per_second, found.recipients_per_hour
    if slowed.factor < 1:
        per_second = min(per_second or slowed.base_rate, slowed.base_rate) * slowed.factor
        per_hour = max(1, int(per_hour * slowed.factor)) if per_hour else None
    return Limits(
        max(1, int(found.max_connections * slowed.factor)),
        found.messages_per_connection,
        Rate(per_second, per_hour),
    )


def of(*, ip_id: int, group: Destination, now: datetime) -> Limits:
    """What holds for that IP and group now."""
    return effective(group, slowdowns.of(ip_id=ip_id, destination=group.slug, now=now))


def change(
    *,
    destination: Destination,
    to: Mapping[str, int | float | None],
    why: str,
    by: audit.Actor,
    now: datetime,
) -> bool:
    """Set a group's limits (some of FIELDS). False when they were so already.

    Running batches stop within a second and go on with the new ones.
    """
    with transaction.atomic():
        row = Destination.objects.select_for_update().get(pk=destination.pk)
        changed = {name: to[name] for name in FIELDS if name in to and to[name] != _at(row, name)}
        if not changed:
            return False
        before = {name: _at(row, name) for name in changed}
        Destination.objects.filter(pk=row.pk).update(**changed)
        audit.record(
            verb="limits.change",
            subject=slowdowns.subject(row.slug),
            by=by,
            now=now,
            before=_told(before),
            after=_told(changed),
            why=why,
            evidence={"before": before, "after": changed},
        )
        announcements.make()
    return True


def _at(row: Destination, name: str) -> int | float | None:
    value: int | float | None = getattr(row, name)
    return value


def _told(values: Mapping[str, int | float | None]) -> str:
    """As far as the column goes; the evidence has all."""
    pairs = [f"{name}={'-' if value is None else value}" for name, value in values.items()]
    return shorten(", ".join(pairs), 60, placeholder=" …")
