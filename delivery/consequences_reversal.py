"""Taking back what failures were counted against addresses and customers; undoing that again.

For errors that turn out to be ours: a reply misread by a rule, a receiver that called everybody
unknown while we were listed, a forged complaint. In bulk, for an incident's million rows. Opt-outs
and what people decided are never touched (customers.suppression_causes.lift_all).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from customers import audit, suppression_causes
from delivery import consequences_grounds
from delivery.models import Reversal, Strike

_REVERSE: Final = """
UPDATE delivery_strike SET reversal_id = %(id)s
WHERE reversal_id IS NULL AND (
    (attempt_id = ANY(%(attempts)s::bigint[]) AND report_id IS NULL)
    OR report_id = ANY(%(reports)s::bigint[]))
"""

# Both ways: `sign` -1 takes out of the counts what the strikes' causes had put in, 1 puts it back.
_COUNTS: Final = """
INSERT INTO delivery_tally (customer_id, recipient_list_id, pool_id, ip_id, destination, category,
    blamed, state, at, count)
SELECT d.customer_id, c.recipient_list_id, a.pool_id, a.ip_id, d.destination, s.category,
    CASE s.state WHEN 'complaint' THEN 'sender' ELSE 'recipient' END, s.state,
    date_bin('5 minutes', s.at, 'epoch'), %(sign)s * count(*)
FROM delivery_strike s
JOIN delivery_delivery d ON d.id = s.delivery_id
LEFT JOIN delivery_attempt a ON a.id = s.attempt_id
LEFT JOIN customers_contact c ON c.id = d.contact_id
WHERE s.reversal_id = %(reversal)s
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
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
    """Count it all again and let what has enough strikes again hold again. Raises NotUndoable."""
    found = Reversal.objects.select_for_update().get(pk=reversal.pk)
    if found.undone_at is not None:
        raise NotUndoable(f"Reversal {found.pk} was undone at {found.undone_at}.")
    _count(found, sign=1)
    touched = consequences_grounds.touched(found.pk)
    Strike.objects.filter(reversal=found).update(reversal=None)
    for ids in consequences_grounds.founded(touched, now=now):
        suppression_causes.restore(ids)
    found.undone_at = now
    found.save(update_fields=["undone_at"])
    _audit(found, "errors.undo", by, now, why)
    return found


def _lift(made: Reversal, *, why: str, by: audit.Actor, now: datetime) -> int:
    return sum(
        suppression_causes.lift_all(ids, cause=_cause(made), why=why, by=by, now=now)
        for ids in consequences_grounds.unfounded(consequences_grounds.touched(made.pk))
    )


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
