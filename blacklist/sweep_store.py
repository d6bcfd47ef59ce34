"""How far the sweep of each list has come: read once, written in bulk, one row for each list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import transaction

from blacklist.models import ListSweep

_WRITTEN = ("swept_until", "unanswered", "trouble", "why", "trouble_since", "asked_on", "asked")


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the sweep of one list stands; see models.ListSweep. None: it has not begun."""

    swept_until: datetime | None = None
    unanswered: Mapping[str, float | None] = field(default_factory=dict)
    trouble: str = ""
    why: str = ""
    trouble_since: datetime | None = None


def read() -> dict[str, Progress]:
    """By list."""
    return {
        row.ident: Progress(
            row.swept_until, row.unanswered, row.trouble, row.why, row.trouble_since
        )
        for row in ListSweep.objects.all()
    }


def asked_today(now: datetime) -> dict[str, int]:
    """Questions to each list since midnight UTC, which count against its limit of a day."""
    rows = ListSweep.objects.filter(asked_on=now.astimezone(UTC).date())
    return dict(rows.values_list("ident", "asked"))


@transaction.atomic
def write(progress: Mapping[str, Progress], *, asked: Mapping[str, int], now: datetime) -> None:
    """One statement for all lists whose sweep has gone on."""
    rows = [
        ListSweep(
            ident=ident,
            swept_until=one.swept_until,
            unanswered=dict(one.unanswered),
            trouble=one.trouble,
            why=one.why,
            trouble_since=one.trouble_since,
            asked_on=now.astimezone(UTC).date(),
            asked=asked.get(ident, 0),
        )
        for ident, one in progress.items()
    ]
    ListSweep.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["ident"], update_fields=_WRITTEN
    )
