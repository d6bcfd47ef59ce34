"""The table of consequences as operators have it: the shipped one with their changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from customers import audit
from delivery import consequences_table
from delivery.consequences_table import TABLE, Consequence
from delivery.models import ConsequenceChange, SuppressionScope


class NotChangeable(ValueError):
    """The category does not suppress anybody, or what it suppresses lasts for good."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What may be changed of one category; days, `lasts_days` None: for good."""

    scope: SuppressionScope
    strikes: int
    strikes_after_data: int
    within_days: int
    lasts_days: int | None

    def __str__(self) -> str:
        lasts = self.lasts_days or "-"
        numbers = f"{self.strikes}/{self.strikes_after_data}/{self.within_days}/{lasts}"
        return f"{self.scope} {numbers}"


def current() -> Mapping[str, Consequence]:
    """The table that holds now: one short query."""
    return consequences_table.changed(
        TABLE, {row.category: _fields(row) for row in ConsequenceChange.objects.all()}
    )


def figures(row: Consequence) -> Figures:
    """The changeable part of a row."""
    lasts = row.lasts.days if row.lasts else None
    return Figures(row.scope, row.strikes, row.strikes_after_data, row.within.days, lasts)


def changeable() -> list[str]:
    """Categories whose figures may be set: those that can suppress."""
    return [category for category, row in TABLE.items() if row.reason is not None]


def lasts_for_good(category: str) -> bool:
    """Whether the recipient asked for it: then it ends by the recipient's consent only."""
    reason = consequences_table.consequence(category).reason
    return reason is not None and reason.is_wish


@transaction.atomic
def change(
    *, category: str, to: Figures, why: str, by: audit.Actor, now: datetime
) -> ConsequenceChange:
    """Set the figures of one category; from the next batch on they hold in every worker.

    Raises NotChangeable for a category that blames nobody, and for days that a wish lasts.
    """
    if category not in changeable() or (to.lasts_days and lasts_for_good(category)):
        raise NotChangeable(category)
    before = figures(consequences_table.consequence(category, current()))
    row, _created = ConsequenceChange.objects.update_or_create(
        category=category,
        defaults={
            "scope": to.scope,
            "strikes": to.strikes,
            "strikes_after_data": to.strikes_after_data,
            "within_days": to.within_days,
            "lasts_days": to.lasts_days,
            "changed_at": now,
        },
    )
    audit.record(
        verb="consequence.change",
        subject=f"consequence:{category}",
        by=by,
        now=now,
        before=str(before),
        after=str(to),
        why=why,
    )
    return row


def _fields(row: ConsequenceChange) -> dict[str, object]:
    return {
        "scope": SuppressionScope(row.scope),
        "strikes": row.strikes,
        "strikes_after_data": row.strikes_after_data,
        "within": timedelta(days=row.within_days),
        "lasts": timedelta(days=row.lasts_days) if row.lasts_days else None,
    }
