"""Taking back what failures were counted against addresses and customers; undoing that again.

For errors that turn out to be ours: a reply misread by a rule, a receiver that called everybody
unknown while we were listed. Set-based, so that an incident's million rows take seconds. What
recipients asked for and what people decided is never touched (customers.suppressions.lift_all).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from customers import audit, suppressions
from delivery import consequences_policy
from delivery.consequences_table import Consequence
from delivery.models import Reversal, Strike, SuppressionScope

_REVERSE: Final = """
UPDATE delivery_strike SET reversal_id = %(id)s
WHERE reversal_id IS NULL AND (
    (attempt_id = ANY(%(attempts)s) AND report_id IS NULL) OR report_id = ANY(%(reports)s))
"""

# Both ways: `sign` -1 takes out of the counts what the strikes' causes had put in, 1 puts it back.
_COUNTS: Final = """
INSERT INTO delivery_tally (customer_id, recipient_list_id, pool_id, ip_id, destination, category,
    blamed, state, at, count)
SELECT d.customer_id, c.recipient_list_id, a.pool_id, a.ip_id, d.destination, s.category,
    'recipient', CASE WHEN s.report_id IS NULL THEN d.state ELSE 'bounced' END,
    date_bin('5 minutes', s.at, 'epoch'), %(sign)s * count(*)
FROM delivery_strike s
JOIN delivery_delivery d ON d.id = s.delivery_id
LEFT JOIN delivery_attempt a ON a.id = s.attempt_id
LEFT JOIN customers_contact c ON c.id = d.contact_id
WHERE s.reversal_id = %(reversal)s
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""

# Suppressions that rest on these strikes, and have too few left to rest on.
_UNFOUNDED: Final = """
WITH touched AS (
    SELECT DISTINCT key, customer_id FROM delivery_strike WHERE reversal_id = %(reversal)s
)
SELECT s.id FROM customers_suppression s
WHERE s.lifted_at IS NULL AND s.reason = %(reason)s
  AND (s.attempt_id IS NOT NULL OR s.report_id IS NOT NULL)
  AND EXISTS (
    SELECT 1 FROM touched t
    WHERE t.key = s.key AND (s.customer_id IS NULL OR t.customer_id = s.customer_id))
  AND (
    SELECT count(DISTINCT o.delivery_id) FROM delivery_strike o
    WHERE o.key = s.key AND (s.customer_id IS NULL OR o.customer_id = s.customer_id)
      AND o.category = ANY(%(categories)s)
      AND o.decayed_at IS NULL AND o.reversal_id IS NULL
  ) < %(needed)s
"""


class NothingToReverse(ValueError):
    """None of these attempts and reports struck an address, or all were reversed before."""


class NotUndoable(ValueError):
    """The reversal was undone already."""


@transaction.atomic
def reverse(
    *,
    attempts: Sequence[int] = (),
    reports: Sequence[int] = (),
    why: str,
    by: audit.Actor,
    now: datetime,
) -> Reversal:
    """Take back the strikes that these caused, the counts, and the suppressions resting on them.

    Raises NothingToReverse. Doing it twice reverses nothing twice.
    """
    made = Reversal.objects.create(at=now, by=audit.person_of(by), why=why)
    with connection.cursor() as cursor:
        cursor.execute(
            _REVERSE, {"id": made.pk, "attempts": list(attempts), "reports": list(reports)}
        )
        made.strikes = int(cursor.rowcount)
    if not made.strikes:
        raise NothingToReverse(why)
    _count(made, sign=-1)
    made.suppressions = _lift(made, why=why, by=by, now=now)
    made.save(update_fields=["strikes", "suppressions"])
    _audit(made, "errors.reverse", by, now, why)
    return made


@transaction.atomic
def undo(*, reversal: Reversal, why: str, by: audit.Actor, now: datetime) -> Reversal:
    """Count it all again and let the suppressions hold again. Raises NotUndoable."""
    found = Reversal.objects.select_for_update().get(pk=reversal.pk)
    if found.undone_at is not None:
        raise NotUndoable(f"Reversal {found.pk} was undone at {found.undone_at}.")
    _count(found, sign=1)
    Strike.objects.filter(reversal=found).update(reversal=None)
    suppressions.restore(cause=_cause(found))
    found.undone_at = now
    found.save(update_fields=["undone_at"])
    _audit(found, "errors.undo", by, now, why)
    return found


def _lift(made: Reversal, *, why: str, by: audit.Actor, now: datetime) -> int:
    lifted = 0
    struck = set(Strike.objects.filter(reversal=made).values_list("category", flat=True).distinct())
    for reason, params in _by_reason(consequences_policy.current()).items():
        if not struck.intersection(params["categories"]):
            continue
        with connection.cursor() as cursor:
            cursor.execute(_UNFOUNDED, params | {"reversal": made.pk, "reason": reason})
            ids = [row[0] for row in cursor.fetchall()]
        lifted += suppressions.lift_all(ids, cause=_cause(made), why=why, by=by, now=now)
    return lifted


def _by_reason(table: Any) -> dict[str, dict[str, Any]]:
    """Reason -> the categories that lead to it, and the fewest strikes that one of them needs."""
    rows: dict[str, list[tuple[str, Consequence]]] = {}
    for category, row in table.items():
        if row.reason is not None and row.scope != SuppressionScope.NONE:
            rows.setdefault(row.reason.value, []).append((category, row))
    return {
        reason: {
            "categories": [category for category, _ in found],
            "needed": min(min(row.strikes, row.strikes_after_data) for _, row in found),
        }
        for reason, found in rows.items()
    }


def _count(made: Reversal, *, sign: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"reversal": made.pk, "sign": sign})


def _cause(made: Reversal) -> str:
    """How lifted suppressions name it."""
    return f"reversal:{made.pk}"


def _audit(made: Reversal, verb: str, by: audit.Actor, now: datetime, why: str) -> None:
    audit.record(
        verb=verb,
        subject=_cause(made),
        by=by,
        now=now,
        why=why,
        evidence={"strikes": made.strikes, "suppressions": made.suppressions},
    )
