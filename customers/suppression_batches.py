"""Suppressing many addresses at once, each with its own reason: one statement, one audit entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from customers import audit, suppressions
from customers.models import ApiKey, Contact, ContactStatus, Suppression, SuppressionReason

_INSERT: Final = f"""
INSERT INTO customers_suppression AS s (customer_id, key, reason, evidence, created_by_id,
    created_at, expires_at, by_operator, lifted_why, lifted_cause)
SELECT DISTINCT ON (key, reason) %(customer)s::bigint, key, reason, evidence, %(by)s::bigint,
    %(now)s, expires_at, %(by_operator)s, '', ''
FROM unnest(%(keys)s::text[], %(reasons)s::text[], %(evidence)s::jsonb[],
    %(expiries)s::timestamptz[]) WITH ORDINALITY AS v(key, reason, evidence, expires_at, place)
ORDER BY key, reason, expires_at DESC NULLS FIRST, place
{suppressions.KEEP_STRICTER}
"""  # noqa: S608 - of constants only


@dataclass(frozen=True, slots=True)
class Entry:
    """One address (canonical key) and why; of two with one key and reason, the stricter counts."""

    key: str
    reason: SuppressionReason
    note: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What holds now for an entry; `is_new` False when it held before."""

    suppression: Suppression
    is_new: bool


@transaction.atomic
def add_all(
    *, customer_id: int | None, entries: Sequence[Entry], by: audit.Actor, now: datetime
) -> list[Taken]:
    """Suppress addresses for a customer, or for all with None; one result for each entry, in order.

    Of two for the same reason the stricter holds, with the first one's evidence. Raises
    suppressions.ExpiryRefused.
    """
    for entry in entries:
        suppressions.check_expiry(entry.reason, entry.expires_at, now=now)
    suppressions.close_expired(now=now, keys=[entry.key for entry in entries])
    new = _insert(customer_id, entries, by, now)
    if customer_id is not None:
        _end_contacts(customer_id, entries)
    rows = _rows(customer_id, entries)
    if new:
        _audit(customer_id, entries, sorted(new), by, now)
    taken = []
    for entry in entries:
        row = rows[entry.key, entry.reason.value]
        taken.append(Taken(row, row.pk in new))
        new.discard(row.pk)  # a second entry of the same kind was not what made it
    return taken


def _insert(
    customer_id: int | None, entries: Sequence[Entry], by: audit.Actor, now: datetime
) -> set[int]:
    person = audit.person_of(by)
    through = {"key": by.shown} if isinstance(by, ApiKey) else {}
    params: dict[str, Any] = {
        "customer": customer_id,
        "by": person.pk if person else None,
        "now": now,
        "by_operator": suppressions.is_operators(by),
        "keys": [entry.key for entry in entries],
        "reasons": [entry.reason.value for entry in entries],
        "evidence": [Jsonb({"note": entry.note, **through}) for entry in entries],
        "expiries": [entry.expires_at for entry in entries],
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, params)
        return {number for number, is_new in cursor.fetchall() if is_new}


def _rows(customer_id: int | None, entries: Sequence[Entry]) -> dict[tuple[str, str], Suppression]:
    found = Suppression.objects.filter(
        customer=customer_id, lifted_at=None, key__in={entry.key for entry in entries}
    )
    return {(row.key, row.reason): row for row in found}


def _end_contacts(customer_id: int, entries: Sequence[Entry]) -> None:
    """Opt-outs are kept with the contacts as well, so that lists and exports show them."""
    keys = [entry.key for entry in entries if entry.reason == SuppressionReason.UNSUBSCRIBED]
    if keys:
        own = Contact.objects.filter(recipient_list__customer_id=customer_id, key__in=keys)
        own.update(status=ContactStatus.UNSUBSCRIBED)


def _audit(
    customer_id: int | None,
    entries: Sequence[Entry],
    new: Sequence[int],
    by: audit.Actor,
    now: datetime,
) -> None:
    one = entries[0] if len(entries) == 1 else None
    audit.record(
        verb="suppression.add" if one else "suppression.add_all",
        subject=f"address:{one.key}"[:120] if one else f"addresses:{len(entries)}",
        customer_id=customer_id,
        by=by,
        now=now,
        after=one.reason if one else f"{len(new)} added",
        evidence={"note": one.note} if one else {"suppressions": list(new)},
    )
