"""Counting outcomes cheaply: batches append, a periodic task adds up, windows are read by query.

A batch of one lane has few sorts of outcome, so it appends a handful of rows and touches none that
another writes. `roll_up` moves them into buckets of five minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from delivery.consequences_events import Event

BUCKET: Final = timedelta(minutes=5)
_BUCKET_SQL: Final = "5 minutes"
# One advisory lock: two tasks that add up at once would wait for each other's rows.
_LOCK: Final = 0x48415450

_COLUMNS: Final = (
    "customer_id, recipient_list_id, pool_id, ip_id, destination, category, blamed, state"
)

# Few sorts, many contacts: only the numbers of both travel for each outcome.
_APPEND: Final = f"""
INSERT INTO delivery_tally ({_COLUMNS}, at, count)
SELECT s.customer_id, c.recipient_list_id, s.pool_id, s.ip_id, s.destination, s.category, s.blamed,
    s.state, s.at, count(*)
FROM unnest(%(sorts)s::int[], %(contacts)s::bigint[]) AS v(sort, contact_id)
JOIN unnest(%(customer_id)s::bigint[], %(pool_id)s::bigint[], %(ip_id)s::bigint[],
    %(destination)s::text[], %(category)s::text[], %(blamed)s::text[], %(state)s::text[],
    %(at)s::timestamptz[]) WITH ORDINALITY
    AS s(customer_id, pool_id, ip_id, destination, category, blamed, state, at, number)
    ON s.number = v.sort
LEFT JOIN customers_contact c ON c.id = v.contact_id
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""  # noqa: S608 - of this module's constants only

_ROLL_UP: Final = f"""
WITH moved AS (DELETE FROM delivery_tally RETURNING {_COLUMNS}, at, count)
INSERT INTO delivery_count AS c ({_COLUMNS}, bucket, count)
SELECT {_COLUMNS}, date_bin('{_BUCKET_SQL}', at, 'epoch'), sum(count) FROM moved
GROUP BY {_COLUMNS}, 9
ON CONFLICT (bucket, customer_id, recipient_list_id, pool_id, ip_id, destination, category,
    blamed, state)
DO UPDATE SET count = c.count + excluded.count
"""  # noqa: S608 - of this module's constants only

# What may be told apart in a sum: name -> column.
DIMENSIONS: Final = {
    "customer": "customer_id",
    "list": "recipient_list_id",
    "pool": "pool_id",
    "ip": "ip_id",
    "destination": "destination",
    "category": "category",
    "blamed": "blamed",
    "state": "state",
}


@dataclass(frozen=True, slots=True)
class Sum:
    """How many outcomes have these values of the dimensions asked for, in their order."""

    of: tuple[Any, ...]
    count: int


def append(events: Sequence[Event]) -> int:
    """Count these outcomes, inside the transaction that records them; how many rows that took."""
    if not events:
        return 0
    numbers: dict[tuple[Any, ...], int] = {}
    sorts = [numbers.setdefault(_sort(event), len(numbers) + 1) for event in events]
    names = ("customer_id", "pool_id", "ip_id", "destination", "category", "blamed", "state", "at")
    params: dict[str, list[Any]] = {
        name: [values[place] for values in numbers] for place, name in enumerate(names)
    }
    params |= {"sorts": sorts, "contacts": [event.contact_id for event in events]}
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, params)
        return int(cursor.rowcount)


def _sort(event: Event) -> tuple[Any, ...]:
    """What the outcome is counted under, but for the list, which the contact tells."""
    judged = event.judged
    return (
        event.customer_id, event.pool_id, event.ip_id, event.destination, judged.category,
        str(judged.blamed), str(event.state), event.at,
    )  # fmt: skip


@transaction.atomic
def roll_up() -> int:
    """Move what was appended into the buckets; how many buckets changed. 0 beside another one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_ROLL_UP)
        return int(cursor.rowcount)


def sums(*by: str, since: datetime, customer_id: int | None = None) -> list[Sum]:
    """Outcomes since then by the `DIMENSIONS` named, of one customer or all. Exact to the bucket.

    What is not rolled up yet counts too.
    """
    chosen = ", ".join(DIMENSIONS[name] for name in by)
    whose = "" if customer_id is None else " AND customer_id = %(customer)s"
    parts = (("delivery_count", "bucket"), ("delivery_tally", "at"))
    rows = " UNION ALL ".join(
        f"SELECT {chosen}, count FROM {table} WHERE {moment} >= %(since)s{whose}"  # noqa: S608
        for table, moment in parts
    )
    statement = f"SELECT {chosen}, sum(count) FROM ({rows}) r GROUP BY {chosen}"  # noqa: S608
    params = {"since": floor(since), "customer": customer_id}
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return [Sum(tuple(row[:-1]), int(row[-1])) for row in cursor.fetchall() if row[-1]]


def floor(at: datetime) -> datetime:
    """The beginning of the bucket that a moment is in."""
    seconds = BUCKET.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, tz=at.tzinfo)


def drop_before(at: datetime) -> int:
    """Forget the buckets that began before; how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM delivery_count WHERE bucket < %s", [at])
        return int(cursor.rowcount)
