"""Strikes against addresses: for complaints, and for failures that were their own until success."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from customers import suppression_causes
from customers.suppression_causes import Cause
from delivery import consequences_table
from delivery.consequences_events import Event, columns
from delivery.consequences_table import Consequence
from delivery.models import SuppressionScope

_GIVE = """
INSERT INTO delivery_strike
    (customer_id, key, category, delivery_id, attempt_id, report_id, at, state, is_after_data)
SELECT v.* FROM unnest(%(customer_id)s::bigint[], %(key)s::text[], %(category)s::text[],
    %(delivery_id)s::bigint[], %(attempt_id)s::bigint[], %(report_id)s::bigint[],
    %(at)s::timestamptz[], %(state)s::text[], %(is_after_data)s::boolean[]) AS v
ON CONFLICT DO NOTHING
"""

_NAMES = ("customer_id", "key", "category", "delivery_id", "attempt_id", "report_id", "at", "state",
          "is_after_data")  # fmt: skip

_STRUCK = """
SELECT DISTINCT key FROM delivery_strike
WHERE key = ANY(%(keys)s) AND decayed_at IS NULL AND reversal_id IS NULL AND state <> 'complaint'
"""

# Two batches may hold the same addresses: in one order, one waits for the other.
_DECAY = """
WITH done AS (
    SELECT s.id, v.attempt_id, v.at
    FROM unnest(%(customer_id)s::bigint[], %(key)s::text[], %(attempt_id)s::bigint[],
        %(at)s::timestamptz[]) AS v(customer_id, key, attempt_id, at)
    JOIN delivery_strike s ON s.key = v.key AND s.customer_id = v.customer_id
        AND s.decayed_at IS NULL AND s.reversal_id IS NULL AND s.state <> 'complaint'
    ORDER BY s.id FOR UPDATE OF s
)
UPDATE delivery_strike s SET decayed_at = done.at, decayed_by = done.attempt_id
FROM done WHERE s.id = done.id
"""

_REOPEN = """
UPDATE delivery_strike s SET decayed_at = NULL, decayed_by = NULL
FROM delivery_attempt a
WHERE a.delivery_id = ANY(%(deliveries)s) AND a.id >= %(low)s AND a.verdict = 'accepted'
  AND s.decayed_by = a.id
"""

_OPEN = """
SELECT DISTINCT ON (key, customer_id, category, delivery_id)
    key, customer_id, category, at, is_after_data
FROM delivery_strike
WHERE key = ANY(%(keys)s) AND decayed_at IS NULL AND reversal_id IS NULL
ORDER BY key, customer_id, category, delivery_id, at DESC, id DESC
"""


@dataclass(frozen=True, slots=True)
class OpenStrike:
    """One that counts: the last of a category for one delivery."""

    category: str
    at: datetime
    is_after_data: bool


def give(
    events: Sequence[Event], *, table: Mapping[str, Consequence], now: datetime
) -> tuple[int, int]:
    """Strike addresses for their failures and complaints; (strikes, addresses suppressed by it).

    Each strike is the cause of one count as well, also where its category suppresses nobody.
    Idempotent: an attempt or a report strikes once.
    """
    struck = [event for event in events if event.is_strike]
    if not struck:
        return 0, 0
    with connection.cursor() as cursor:
        cursor.execute(_GIVE, columns(struck, *_NAMES))
        given = int(cursor.rowcount)
    return given, suppression_causes.add_caused(_causes(struck, table, now), now=now)


def decay(events: Sequence[Event]) -> int:
    """End the open strikes of addresses that took a message; how many."""
    taken = [event for event in events if event.is_accepted]
    if not taken:
        return 0
    with connection.cursor() as cursor:
        # Hardly any has a strike: the first look costs one array.
        cursor.execute(_STRUCK, {"keys": [event.key for event in taken]})
        struck = {row[0] for row in cursor.fetchall()}
        if not struck:
            return 0
        redeemed = [event for event in taken if event.key in struck]
        cursor.execute(_DECAY, columns(redeemed, "customer_id", "key", "attempt_id", "at"))
        return int(cursor.rowcount)


def reopen(deliveries: Sequence[int]) -> int:
    """The acceptance of these deliveries was none: what it ended is open again; how many."""
    if not deliveries:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _REOPEN, {"deliveries": list(deliveries), "low": min(deliveries) >> 32 << 32}
        )
        return int(cursor.rowcount)


# (key, customer) -> reason -> its open strikes
Open = dict[tuple[str, int], dict[str, list[OpenStrike]]]


def open_strikes(keys: Sequence[str], table: Mapping[str, Consequence]) -> Open:
    """The open strikes of these addresses, under the reason that they are strikes for."""
    found: Open = {}
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, {"keys": sorted(set(keys))})
        for key, customer_id, category, at, is_after_data in cursor.fetchall():
            if reason := consequences_table.consequence(category, table).reason:
                strike = OpenStrike(category, at, is_after_data)
                found.setdefault((key, customer_id), {}).setdefault(reason, []).append(strike)
    return found


def times(strikes: Open, *, key: str, customer_id: int, row: Consequence) -> list[datetime]:
    """The times of the strikes against one address: of all customers where all are to be spared."""
    if row.reason is None:
        return []
    if row.scope == SuppressionScope.EVERYONE:
        found = [by for (of, _customer), by in strikes.items() if of == key]
    else:
        found = [strikes.get((key, customer_id), {})]
    return [strike.at for by_reason in found for strike in by_reason.get(row.reason, [])]


def _causes(
    struck: Sequence[Event], table: Mapping[str, Consequence], now: datetime
) -> list[Cause]:
    strikes = open_strikes([event.key for event in struck], table)
    causes = []
    for event in struck:
        row = _row(event, table)
        counted = times(strikes, key=event.key, customer_id=event.customer_id, row=row)
        after = event.is_after_data
        if consequences_table.suppresses(row, counted, after_data=after, now=now):
            causes.append(cause(event, row, strikes=len(counted), now=now))
    return causes


def cause(event: Event, row: Consequence, *, strikes: int, now: datetime) -> Cause:
    """Why the address of this event is suppressed. The row must have a reason."""
    assert row.reason is not None
    everyone = row.scope == SuppressionScope.EVERYONE
    return Cause(
        customer_id=None if everyone else event.customer_id,
        key=event.key,
        reason=row.reason,
        attempt_id=event.attempt_id,
        report_id=event.report_id,
        expires_at=now + row.lasts if row.lasts else None,
        evidence={
            "delivery": event.delivery_id,
            "category": event.judged.category,
            "rule": event.judged.rule,
            "strikes": strikes,
        },
    )


def _row(event: Event, table: Mapping[str, Consequence]) -> Consequence:
    return consequences_table.consequence(event.judged.category, table)
