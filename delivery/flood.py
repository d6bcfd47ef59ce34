"""The flood guard: so many messages an hour to one address, from one customer and from all of us.

A loop in a customer's system must not bury a person. What is beyond the bound is held back, and
goes later. Counted is what reached the person, or may have, whenever it was queued: from the
deliveries themselves, so that nothing has to be remembered; and only when so many mailings were
under way in the hour that somebody can have got so much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q

from customers import audit
from customers.models import AuditEntry
from delivery.claims import Claimed
from delivery.ids import floor_of
from delivery.models import Mailing

HOUR = timedelta(hours=1)
# The last letters of a mailing may come in so long after its time limit.
LATE = timedelta(hours=1)
# How long what was held back waits before it is looked at again.
HELD_FOR = timedelta(minutes=10)
REASON = "flood-guard"
BY = "flood-guard"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Messages to one address in an hour; 0: no bound."""

    per_customer: int
    per_platform: int


def bounds() -> Bounds:
    """Those of the settings."""
    return Bounds(settings.FLOOD_PER_CUSTOMER, settings.FLOOD_PER_PLATFORM)


def can_overflow(bounds: Bounds, *, now: datetime) -> bool:
    """Whether there were enough mailings in the last hour: each has an address only once."""
    recent = Q(released_at__gte=now - HOUR) | Q(finished_at__gte=now - HOUR) | Q(finished_at=None)
    mailings = Mailing.objects.filter(recent, released_at__isnull=False).order_by()
    most = bounds.per_platform
    if most and mailings[most : most + 1].exists():
        return True
    counts = mailings.values("customer_id").annotate(count=Count("pk"))
    most = bounds.per_customer
    return bool(most) and counts.filter(count__gt=most).exists()


# Of the deliveries claimed together, the earlier ones count for the later ones; those in other
# workers' hands all count. What was tried counts only when nobody knows how that ended.
_BEYOND = """
SELECT c.id FROM unnest(%(ids)s::bigint[], %(addresses)s::text[], %(customers)s::bigint[])
    AS c(id, address, customer_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS all_of_us, count(*) FILTER (WHERE d.customer_id = c.customer_id) AS own
    FROM delivery_delivery d
    WHERE lower(d.address) = lower(c.address) AND d.id >= %(since)s AND d.id <> c.id
      AND (
        (d.state = 'accepted' AND d.finished_at >= %(hour)s)
        OR (d.state = 'sending' AND (d.id < c.id OR d.id <> ALL(%(ids)s)))
        OR (d.state IN ('deferred', 'refused', 'expired') AND EXISTS (
            SELECT 1 FROM delivery_attempt a
            WHERE a.delivery_id = d.id AND a.verdict = 'uncertain' AND a.at >= %(hour)s
              AND a.id >= %(since)s
        ))
      )
) n
WHERE (%(own)s > 0 AND n.own >= %(own)s) OR (%(all)s > 0 AND n.all_of_us >= %(all)s)
"""


def beyond(claimed: Sequence[Claimed], bounds: Bounds, *, now: datetime) -> set[int]:
    """Ids of those whose address had enough in the last hour."""
    if not claimed or not can_overflow(bounds, now=now):
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            _BEYOND,
            {
                "ids": [item.id for item in claimed],
                "addresses": [item.address for item in claimed],
                "customers": [item.customer_id for item in claimed],
                "since": floor_of(now - HOUR - _longest_open()),
                "hour": now - HOUR,
                "own": bounds.per_customer,
                "all": bounds.per_platform,
            },
        )
        return {row[0] for row in cursor.fetchall()}


def _longest_open() -> timedelta:
    """How old a delivery that ends now may be: they are queued when their mailing is released."""
    return timedelta(seconds=settings.RETRY_LIMIT) + LATE


@transaction.atomic
def hold(*, items: Sequence[Claimed], token: str, now: datetime) -> int:
    """Hold claimed deliveries back for a while; audited once for each mailing. How many."""
    if not items:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_delivery SET state = 'deferred', reason = %s, next_attempt_at = %s,"
            " claimed_until = NULL, claimed_by = ''"
            " WHERE id = ANY(%s) AND state = 'sending' AND claimed_by = %s",
            [REASON, now + HELD_FOR, [item.id for item in items], token],
        )
        held = int(cursor.rowcount)
    for mailing_id, customer_id in {(item.mailing_id, item.customer_id) for item in items}:
        _tell(mailing_id, customer_id, now)
    return held


def _tell(mailing_id: int, customer_id: int, now: datetime) -> None:
    subject = f"mailing:{mailing_id}"
    if not AuditEntry.objects.filter(subject=subject, verb="mailing.flood").exists():
        audit.record(
            verb="mailing.flood",
            subject=subject,
            customer_id=customer_id,
            by=BY,
            now=now,
            why=REASON,
        )
