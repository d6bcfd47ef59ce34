"""Suppressions that the software makes of what it found, and takes back: in bulk, without audit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection
from psycopg.types.json import Jsonb

from customers import audit, suppressions
from customers.models import SuppressionReason


@dataclass(frozen=True, slots=True)
class Cause:
    """What the software found against one address (canonical key): an attempt or a report.

    `customer_id` None: for everyone. `expires_at` None: it does not end by itself.
    """

    customer_id: int | None
    key: str
    reason: SuppressionReason
    attempt_id: int | None = None
    report_id: int | None = None
    expires_at: datetime | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


_ADD_CAUSED: Final = f"""
INSERT INTO customers_suppression AS s (customer_id, key, reason, evidence, attempt_id, report_id,
    created_at, expires_at, lifted_why, lifted_cause)
SELECT DISTINCT ON (key, customer_id, reason) customer_id, key, reason, evidence, attempt_id,
    report_id, %(now)s, expires_at, '', ''
FROM unnest(%(customers)s::bigint[], %(keys)s::text[], %(reasons)s::text[], %(evidence)s::jsonb[],
    %(attempts)s::bigint[], %(reports)s::bigint[], %(expiries)s::timestamptz[])
    AS v(customer_id, key, reason, evidence, attempt_id, report_id, expires_at)
ORDER BY key, customer_id, reason, expires_at DESC NULLS FIRST
{suppressions.KEEP_STRICTER}
"""  # noqa: S608 - of constants only


def add_caused(causes: Sequence[Cause], *, now: datetime) -> int:
    """Suppress what attempts and reports found, in one statement; how many are new.

    Each row is its own record: it names its cause and is never deleted.
    """
    if not causes:
        return 0
    suppressions.close_expired(now=now, keys=[cause.key for cause in causes])
    params: dict[str, Any] = {
        "now": now,
        "customers": [cause.customer_id for cause in causes],
        "keys": [cause.key for cause in causes],
        "reasons": [cause.reason.value for cause in causes],
        "evidence": [Jsonb(dict(cause.evidence)) for cause in causes],
        "attempts": [cause.attempt_id for cause in causes],
        "reports": [cause.report_id for cause in causes],
        "expiries": [cause.expires_at for cause in causes],
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD_CAUSED, params)
        return sum(is_new for _id, is_new in cursor.fetchall())


_LIFT_ALL: Final = """
UPDATE customers_suppression SET lifted_at = %(now)s, lifted_by_id = %(by)s, lifted_why = %(why)s,
    lifted_cause = %(cause)s
WHERE id = ANY(%(ids)s::bigint[]) AND lifted_at IS NULL AND reason <> 'unsubscribed'
  AND (attempt_id IS NOT NULL OR report_id IS NOT NULL)
"""


def lift_all(ids: Sequence[int], *, cause: str, why: str, by: audit.Actor, now: datetime) -> int:
    """Lift what the software was wrong about, in one statement; how many. The caller audits.

    Only what has an attempt or a report as its cause: nobody's opt-out and nobody's decision.
    """
    person = audit.person_of(by)
    params: dict[str, Any] = {
        "ids": list(ids),
        "now": now,
        "by": person.pk if person else None,
        "why": why,
        "cause": cause,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LIFT_ALL, params)
        return int(cursor.rowcount)


def restore(ids: Sequence[int]) -> int:
    """Undo a `lift_all` for these; how many hold again.

    What a person lifted stays so, and what was suppressed anew meanwhile stays as it is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_suppression s SET lifted_at = NULL, lifted_by_id = NULL,"
            " lifted_why = '', lifted_cause = ''"
            " WHERE id = ANY(%s::bigint[]) AND lifted_cause <> '' AND NOT EXISTS ("
            "  SELECT 1 FROM customers_suppression t WHERE t.key = s.key AND t.reason = s.reason"
            "  AND t.customer_id IS NOT DISTINCT FROM s.customer_id AND t.lifted_at IS NULL)",
            [list(ids)],
        )
        return int(cursor.rowcount)
