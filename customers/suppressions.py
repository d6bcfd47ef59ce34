"""Addresses that must not be mailed: asking, adding, lifting."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from customers import audit
from customers.models import Contact, ContactStatus, Customer, Person, Suppression
from customers.models.suppression import SuppressionReason

# Of several reasons, the one that is told: what the recipient asked for comes first.
_ORDER: Final = {reason.value: place for place, reason in enumerate(SuppressionReason)}


class LiftRefused(ValueError):
    """A suppression stays; the sentence, in the language of now, says why and what is needed."""


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


def spared(*, is_bulk: bool) -> frozenset[str]:
    """Reasons that do not stop this kind of mail.

    Who unsubscribed still gets what belongs to a contract or was asked for: the act's opt-out is
    from advertising (Act on Regulation of Specified Electronic Mail, Art. 3(3)).
    """
    return frozenset() if is_bulk else frozenset({SuppressionReason.UNSUBSCRIBED.value})


def reasons(*, customer_id: int, keys: Collection[str], is_bulk: bool = True) -> dict[str, str]:
    """Key -> reason, for those of `keys` that this customer must not mail."""
    rows = Suppression.objects.holding_for(customer_id).filter(key__in=list(keys))
    found: dict[str, str] = {}
    for key, reason in rows.exclude(reason__in=spared(is_bulk=is_bulk)).values_list(
        "key", "reason"
    ):
        found[key] = min(reason, found.get(key, reason), key=_ORDER.__getitem__)
    return found


@transaction.atomic
def add(
    *,
    customer_id: int | None,
    key: str,
    reason: SuppressionReason,
    evidence: Mapping[str, Any],
    by: audit.Actor,
    now: datetime,
    expires_at: datetime | None = None,
) -> bool:
    """Suppress an address (canonical key) for a customer, or for all with None.

    False when it was suppressed for that reason already: the first evidence stays.
    """
    close_expired(now=now, keys=[key])
    _row, created = Suppression.objects.get_or_create(
        customer=Customer(pk=customer_id) if customer_id is not None else None,
        key=key,
        reason=reason,
        lifted_at=None,
        defaults={
            "evidence": dict(evidence),
            "created_by": audit.person_of(by),
            "created_at": now,
            "expires_at": expires_at,
        },
    )
    if created:
        _audit("suppression.add", key, customer_id, by, now, after=reason, evidence=evidence)
    return created


_ADD_CAUSED = """
INSERT INTO customers_suppression (customer_id, key, reason, evidence, attempt_id, report_id,
    created_at, expires_at, lifted_why, lifted_cause)
SELECT DISTINCT ON (key, customer_id, reason) customer_id, key, reason, evidence, attempt_id,
    report_id, %(now)s, expires_at, '', ''
FROM unnest(%(customers)s::bigint[], %(keys)s::text[], %(reasons)s::text[], %(evidence)s::jsonb[],
    %(attempts)s::bigint[], %(reports)s::bigint[], %(expiries)s::timestamptz[])
    AS v(customer_id, key, reason, evidence, attempt_id, report_id, expires_at)
ORDER BY key, customer_id, reason
ON CONFLICT DO NOTHING
"""


def add_caused(causes: Sequence[Cause], *, now: datetime) -> int:
    """Suppress what attempts and reports found, in one statement; how many are new.

    Each row is its own record: it names its cause and is never deleted.
    """
    if not causes:
        return 0
    close_expired(now=now, keys=[cause.key for cause in causes])
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
        return int(cursor.rowcount)


@transaction.atomic
def lift(
    *, suppression: Suppression, why: str, by: audit.Actor, now: datetime, consent: str = ""
) -> None:
    """Let the address be mailed again, for this reason; others it may have still hold.

    What the recipient asked for ends with the recipient's renewed consent (`consent` says how and
    when it was given), or by an operator. Raises LiftRefused, also when it does not hold any more.
    """
    row = Suppression.objects.select_for_update().get(pk=suppression.pk)
    if refusal := _objection(row, by, consent):
        raise LiftRefused(refusal)
    row.lifted_at, row.lifted_by, row.lifted_why = now, audit.person_of(by), why
    if consent:
        row.evidence = {**row.evidence, "consent": consent}
    row.save(update_fields=["lifted_at", "lifted_by", "lifted_why", "evidence"])
    if row.reason == SuppressionReason.UNSUBSCRIBED:
        _mailed_again(row)
    given = {"consent": consent} if consent else {}
    _audit("suppression.lift", row.key, row.customer_id, by, now, before=row.reason, why=why,
           evidence={"suppression": row.pk, **given})  # fmt: skip


def _objection(row: Suppression, by: audit.Actor, consent: str) -> str:
    """Why it cannot be lifted, or ""."""
    may_all = not isinstance(by, Person) or by.can_operate
    if row.lifted_at is not None:
        return _("%(address)s was lifted already.") % {"address": row.key}
    if row.customer_id is None and not may_all:
        return _("%(address)s is blocked for everyone: only operators can lift that.") % {
            "address": row.key
        }
    if SuppressionReason(row.reason).is_wish and not consent and not may_all:
        return _(
            "The recipient of %(address)s asked for no more mail. Say how and when the recipient "
            "agreed again."
        ) % {"address": row.key}
    return ""


def _mailed_again(row: Suppression) -> None:
    """An opt-out is kept with the contacts as well; another that still holds keeps them so."""
    if row.customer_id is None:
        return
    left = Suppression.objects.holding_for(row.customer_id)
    if not left.filter(key=row.key, reason=SuppressionReason.UNSUBSCRIBED).exists():
        own = Contact.objects.filter(recipient_list__customer_id=row.customer_id, key=row.key)
        own.update(status=ContactStatus.ACTIVE)


_LIFT_ALL = """
UPDATE customers_suppression SET lifted_at = %(now)s, lifted_by_id = %(by)s, lifted_why = %(why)s,
    lifted_cause = %(cause)s
WHERE id = ANY(%(ids)s) AND lifted_at IS NULL AND reason <> ALL(%(wishes)s)
  AND (attempt_id IS NOT NULL OR report_id IS NOT NULL)
"""


def lift_all(ids: Sequence[int], *, cause: str, why: str, by: audit.Actor, now: datetime) -> int:
    """Lift what the software was wrong about, in one statement; how many. The caller audits.

    Only what has an attempt or a report as its cause: nobody's wish and nobody's decision.
    """
    person = audit.person_of(by)
    params: dict[str, Any] = {
        "ids": list(ids),
        "now": now,
        "by": person.pk if person else None,
        "why": why,
        "cause": cause,
        "wishes": [reason.value for reason in SuppressionReason if reason.is_wish],
    }
    with connection.cursor() as cursor:
        cursor.execute(_LIFT_ALL, params)
        return int(cursor.rowcount)


def restore(*, cause: str) -> int:
    """Undo a `lift_all`; how many hold again. What was suppressed anew meanwhile stays as it is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_suppression s SET lifted_at = NULL, lifted_by_id = NULL,"
            " lifted_why = '', lifted_cause = '' WHERE lifted_cause = %s AND NOT EXISTS ("
            "  SELECT 1 FROM customers_suppression t WHERE t.key = s.key AND t.reason = s.reason"
            "  AND t.customer_id IS NOT DISTINCT FROM s.customer_id AND t.lifted_at IS NULL)",
            [cause],
        )
        return int(cursor.rowcount)


def close_expired(*, now: datetime, keys: Collection[str] | None = None) -> int:
    """Mark what has run out as lifted, so that the address can be suppressed anew; how many.

    They stop no mail any more, closed or not.
    """
    over = Suppression.objects.filter(lifted_at=None, expires_at__lte=now)
    if keys is not None:
        over = over.filter(key__in=list(keys))
    return over.update(lifted_at=F("expires_at"), lifted_cause="expiry")


def _audit(
    verb: str, key: str, customer_id: int | None, by: audit.Actor, now: datetime, **more: Any
) -> None:
    audit.record(
        verb=verb, subject=f"address:{key}"[:120], customer_id=customer_id, by=by, now=now, **more
    )
