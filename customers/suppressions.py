"""Addresses that must not be mailed: asking and adding."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q

from customers import audit
from customers.models import Customer, Suppression, SuppressionReason


def spared(*, is_bulk: bool) -> frozenset[str]:
    """Reasons that do not stop this kind of mail.

    Who unsubscribed still gets what belongs to a contract or was asked for: the act's opt-out is
    from advertising (Act on Regulation of Specified Electronic Mail, Art. 3(3)).
    """
    return frozenset() if is_bulk else frozenset({SuppressionReason.UNSUBSCRIBED.value})


def reasons(*, customer_id: int, keys: Collection[str], is_bulk: bool = True) -> dict[str, str]:
    """Key -> reason, for those of `keys` that this customer must not mail."""
    rows = Suppression.objects.filter(
        Q(customer_id=customer_id) | Q(customer__isnull=True), key__in=list(keys)
    ).exclude(reason__in=spared(is_bulk=is_bulk))
    return dict(rows.values_list("key", "reason"))


def add(
    *,
    customer_id: int | None,
    key: str,
    reason: SuppressionReason,
    evidence: Mapping[str, Any],
    by: audit.Actor,
    now: datetime,
) -> bool:
    """Suppress an address (canonical key) for a customer, or for all with None.

    False when it was suppressed already: the first reason and its evidence stay.
    """
    _row, created = Suppression.objects.get_or_create(
        customer=Customer(pk=customer_id) if customer_id is not None else None,
        key=key,
        defaults={
            "reason": reason,
            "evidence": dict(evidence),
            "created_by": audit.person_of(by),
            "created_at": now,
        },
    )
    if created:
        audit.record(
            verb="suppression.add",
            subject=f"address:{key}"[:120],
            customer_id=customer_id,
            by=by,
            now=now,
            after=reason,
            evidence=evidence,
        )
    return created
