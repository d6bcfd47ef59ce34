"""Evidence that our route is listed or mistrusted, and which deliveries failed because of it."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import redis
from django.db import connection, transaction
from django.db.models import QuerySet

from delivery import consequences_table, live
from delivery.consequences_events import Event, columns
from delivery.ids import floor_of
from delivery.models import Delivery, ListingEvidence
from delivery.states import DeliveryState
from wire.replies import Party

log = logging.getLogger(__name__)

_NAMES: Final = ("at", "delivery_id", "attempt_id", "report_id", "customer_id", "pool_id", "ip_id",
                 "source", "destination", "category", "blamed", "list", "resource", "lookup_url",
                 "state")  # fmt: skip

_ADD: Final = """
INSERT INTO delivery_listingevidence (at, delivery_id, attempt_id, report_id, customer_id, pool_id,
    ip_id, source, destination, category, blamed, matched_list, resource, lookup_url, state)
SELECT * FROM unnest(%(at)s::timestamptz[], %(delivery_id)s::bigint[], %(attempt_id)s::bigint[],
    %(report_id)s::bigint[], %(customer_id)s::bigint[], %(pool_id)s::bigint[], %(ip_id)s::bigint[],
    %(source)s::text[], %(destination)s::text[], %(category)s::text[], %(blamed)s::text[],
    %(list)s::text[], %(resource)s::text[], %(lookup_url)s::text[], %(state)s::text[])
ON CONFLICT DO NOTHING
"""


def is_evidence(event: Event) -> bool:
    """A failure, of whatever permanence, that names a list or blames the platform."""
    if event.is_accepted:
        return False
    row = consequences_table.consequence(event.judged.category)
    named = row.is_evidence or bool(event.judged.list)
    return named or event.judged.blamed is Party.platform


def add(events: Sequence[Event]) -> int:
    """Keep the evidence in these events, and tell the watch at the commit; how many rows."""
    found = [event for event in events if is_evidence(event)]
    if not found:
        return 0
    transaction.on_commit(_ring)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, columns(found, *_NAMES))
        return int(cursor.rowcount)


def _ring() -> None:
    try:
        live.ring_for_evidence()
    except redis.RedisError as error:
        log.warning("The watch looks for evidence without its bell: %s", error)


def failed_because_of_us(*, since: datetime, until: datetime) -> QuerySet[Delivery]:
    """Deliveries queued in that time that ended for a reason of ours, to be sent again.

    They are refused, expired or bounced with such a reason (`consequences_table.kept`), and their
    content is kept until RETENTION_DAYS.
    """
    ended = (DeliveryState.REFUSED, DeliveryState.EXPIRED, DeliveryState.BOUNCED)
    found = Delivery.objects.filter(id__gte=floor_of(since), id__lt=floor_of(until))
    return found.filter(state__in=ended, reason__in=sorted(consequences_table.kept()))


def of_delivery(delivery_id: int) -> QuerySet[ListingEvidence]:
    """The evidence that one delivery gave, oldest first."""
    return ListingEvidence.objects.filter(delivery_id=delivery_id).order_by("at", "id")
