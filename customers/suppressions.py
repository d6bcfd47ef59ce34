"""Addresses that must not be mailed: asking, adding, lifting."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from customers import audit
from customers.models import Contact, ContactStatus, Suppression
from customers.models.suppression import SuppressionReason

# Of several reasons, the one that is told: what the recipient asked for comes first.
_ORDER: Final = {reason.value: place for place, reason in enumerate(SuppressionReason)}


class Added(Enum):
    """What became of an address that was to be suppressed for a reason."""

    NEW = "new"
    STRICTER = "stricter"  # it was already; now for longer, or only operators may lift it
    KNOWN = "known"  # it was already, as strictly; nothing was changed


class ExpiryRefused(ValueError):
    """That reason cannot end by itself, or the time is past; the sentence says which."""


class LiftRefused(ValueError):
    """A suppression stays; the sentence, in the language of now, says why and what is needed.

    `code` is already-lifted, operators-only or consent-required.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


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


def check_expiry(reason: SuppressionReason, expires_at: datetime | None, *, now: datetime) -> None:
    """Raises ExpiryRefused; only the recipient takes back what the recipient asked for."""
    if expires_at is None:
        return
    if reason.is_wish:
        words = _("What the recipient asked for (“%(reason)s”) does not end by itself.")
        raise ExpiryRefused(words % {"reason": reason.value})
    if expires_at <= now:
        raise ExpiryRefused(_("This time is past."))


def is_operators(by: audit.Actor) -> bool:
    """Whether an operator does it, in person or by a key; the software itself is none."""
    return not isinstance(by, str) and by.can_operate


# For every INSERT into customers_suppression AS s: of two for one reason the stricter holds, with
# the first one's evidence. `is_new` tells the inserted from the changed; others are not returned.
KEEP_STRICTER: Final = """
ON CONFLICT (key, customer_id, reason) WHERE lifted_at IS NULL DO UPDATE SET
    expires_at = CASE WHEN s.expires_at IS NOT NULL AND excluded.expires_at IS NOT NULL
        THEN greatest(s.expires_at, excluded.expires_at) END,
    by_operator = s.by_operator OR excluded.by_operator
WHERE s.expires_at < coalesce(excluded.expires_at, 'infinity')
   OR excluded.by_operator AND NOT s.by_operator
RETURNING id, xmax = 0 AS is_new
"""

_ADD: Final = f"""
INSERT INTO customers_suppression AS s (customer_id, key, reason, evidence, created_by_id,
    created_at, expires_at, by_operator, lifted_why, lifted_cause)
VALUES (%(customer)s, %(key)s, %(reason)s, %(evidence)s, %(by)s, %(now)s, %(expires_at)s,
    %(by_operator)s, '', '')
{KEEP_STRICTER}
"""  # noqa: S608 - of this module's constants only


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
) -> Added:
    """Suppress an address (canonical key) for a customer, or for all with None.

    Of two for the same reason the stricter holds, with the first one's evidence. Raises
    ExpiryRefused.
    """
    check_expiry(reason, expires_at, now=now)
    close_expired(now=now, keys=[key])
    person = audit.person_of(by)
    params: dict[str, Any] = {
        "customer": customer_id,
        "key": key,
        "reason": reason.value,
        "evidence": Jsonb(dict(evidence)),
        "by": person.pk if person else None,
        "now": now,
        "expires_at": expires_at,
        "by_operator": is_operators(by),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, params)
        changed = cursor.fetchone()
    if changed is None:
        return Added.KNOWN
    _audit("suppression.add", key, customer_id, by, now, after=reason, evidence=evidence)
    return Added.NEW if changed[1] else Added.STRICTER


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
        raise refusal
    row.lifted_at, row.lifted_by, row.lifted_why = now, audit.person_of(by), why
    if consent:
        row.evidence = {**row.evidence, "consent": consent}
    row.save(update_fields=["lifted_at", "lifted_by", "lifted_why", "evidence"])
    if row.reason == SuppressionReason.UNSUBSCRIBED:
        _mailed_again(row)
    given = {"consent": consent} if consent else {}
    _audit("suppression.lift", row.key, row.customer_id, by, now, before=row.reason, why=why,
           evidence={"suppression": row.pk, **given})  # fmt: skip


def _objection(row: Suppression, by: audit.Actor, consent: str) -> LiftRefused | None:
    """Why it cannot be lifted; None when it can."""
    may_all = isinstance(by, str) or by.can_operate
    address = {"address": row.key}
    if row.lifted_at is not None:
        return LiftRefused("already-lifted", _("%(address)s was lifted already.") % address)
    if row.customer_id is None and not may_all:
        words = _("%(address)s is blocked for everyone: only operators can lift that.")
        return LiftRefused("operators-only", words % address)
    if row.is_operators_only and not may_all:
        words = _("%(address)s was blocked by an operator: only operators can lift that.")
        return LiftRefused("operators-only", words % address)
    if SuppressionReason(row.reason).is_wish and not consent and not may_all:
        words = _(
            "The recipient of %(address)s asked for no more mail. Say how and when the recipient "
            "agreed again."
        )
        return LiftRefused("consent-required", words % address)
    return None


def _mailed_again(row: Suppression) -> None:
    """An opt-out is kept with the contacts as well; another that still holds keeps them so."""
    if row.customer_id is None:
        return
    left = Suppression.objects.holding_for(row.customer_id)
    if not left.filter(key=row.key, reason=SuppressionReason.UNSUBSCRIBED).exists():
        own = Contact.objects.filter(recipient_list__customer_id=row.customer_id, key=row.key)
        own.update(status=ContactStatus.ACTIVE)


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
