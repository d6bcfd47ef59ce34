"""Lanes: (pool, sending IP, destination group) with due mail, found by query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef

from delivery.models import Mailing, MailingAttachment, MailingKind
from delivery.routing import Hold, HoldReason, Ip, Needs, PoolFacts, Table
from delivery.states import MailingState

# The largest batch of the heaviest IP; a lighter one takes its share of it.
BATCH = 200


@dataclass(frozen=True, slots=True)
class Active:
    """A mailing that workers may claim from."""

    id: int
    customer_id: int
    is_bulk: bool
    needs: Needs
    expires_at: datetime
    first_delivery: int


@dataclass(frozen=True, slots=True)
class Lane:
    """Where one task works. `share` is how many deliveries it may claim at once.

    Transactional mail has lanes of its own, express ones, which share the limits of the others.
    """

    pool_id: int
    ip_id: int
    destination: str
    share: int
    is_express: bool = False

    @property
    def name(self) -> str:
        kind = ":express" if self.is_express else ""
        return f"{self.pool_id}:{self.ip_id}:{self.destination}{kind}"


@dataclass(frozen=True, slots=True)
class Closed:
    """What may not send now, and why: (IP id, destination) pairs, and customers."""

    ways: Mapping[tuple[int, str], HoldReason] = field(default_factory=dict)
    customers: Mapping[int, HoldReason] = field(default_factory=dict)


NOTHING_CLOSED = Closed()


def active() -> list[Active]:
    """Mailings being sent, transactional ones first."""
    attachments = MailingAttachment.objects.filter(mailing=OuterRef("pk"))
    rows = (
        Mailing.objects.filter(state=MailingState.SENDING, first_delivery__isnull=False)
        .annotate(has_attachments=Exists(attachments))
        .defer("subject", "text", "html")
    )
    found = [_active(row, row.has_attachments) for row in rows]
    return sorted(found, key=lambda mailing: (mailing.is_bulk, mailing.id))


def _active(row: Mailing, has_attachments: bool) -> Active:
    assert row.expires_at is not None  # set together with first_delivery, at release
    assert row.first_delivery is not None
    return Active(
        id=row.pk,
        customer_id=row.customer_id,
        is_bulk=row.kind == MailingKind.BULK,
        needs=Needs(tls=row.needs_tls, attachments=has_attachments),
        expires_at=row.expires_at,
        first_delivery=row.first_delivery,
    )


def routed(mailings: Sequence[Active], table: Table, lane: Lane) -> list[Active]:
    """Those of the mailings that go by that lane's pool now, and are of the lane's kind."""
    chosen = []
    for mailing in mailings:
        route = table.route(mailing.customer_id, mailing.needs)
        goes_here = isinstance(route, PoolFacts) and route.id == lane.pool_id
        if goes_here and mailing.is_bulk is not lane.is_express:
            chosen.append(mailing)
    return chosen


# The destinations of each mailing by a loose scan of the index of due mail, one probe each: the
# groups' table is not asked, so that mail of a group that was removed still goes.
_DUE = """
WITH RECURSIVE step AS (
    SELECT m.id, (
        SELECT min(destination) FROM delivery_delivery
        WHERE mailing_id = m.id AND state IN ('queued', 'deferred') AND id >= %(since)s
    ) AS destination
    FROM unnest(%(mailings)s::bigint[]) AS m(id)
    UNION ALL
    SELECT step.id, (
        SELECT min(destination) FROM delivery_delivery
        WHERE mailing_id = step.id AND destination > step.destination
          AND state IN ('queued', 'deferred') AND id >= %(since)s
    )
    FROM step WHERE step.destination IS NOT NULL
)
SELECT id, destination FROM step
WHERE destination IS NOT NULL AND EXISTS (
    SELECT 1 FROM delivery_delivery d
    WHERE d.mailing_id = step.id AND d.destination = step.destination
      AND d.state IN ('queued', 'deferred') AND d.next_attempt_at <= %(now)s AND d.id >= %(since)s
)
"""


def due(mailings: Sequence[Active], *, now: datetime) -> list[tuple[int, str]]:
    """(mailing id, destination) pairs that have at least one delivery due."""
    if not mailings:
        return []
    params: dict[str, Any] = {
        "mailings": [mailing.id for mailing in mailings],
        "since": min(mailing.first_delivery for mailing in mailings),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE, params)
        return [(mailing_id, destination) for mailing_id, destination in cursor.fetchall()]


_WAITING = """
SELECT m.id FROM unnest(%(mailings)s::bigint[]) AS m(id)
WHERE EXISTS (
    SELECT 1 FROM delivery_delivery d
    WHERE d.mailing_id = m.id AND d.destination = %(destination)s
      AND d.state IN ('queued', 'deferred') AND d.next_attempt_at <= %(now)s AND d.id >= %(since)s
)
"""


def waiting(mailings: Sequence[Active], destination: str, *, now: datetime) -> list[Active]:
    """Those with mail due for that destination, in the same order."""
    if not mailings:
        return []
    params: dict[str, Any] = {
        "mailings": [mailing.id for mailing in mailings],
        "destination": destination,
        "since": min(mailing.first_delivery for mailing in mailings),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, params)
        found = {row[0] for row in cursor.fetchall()}
    return [mailing for mailing in mailings if mailing.id in found]


def plan(
    mailings: Sequence[Active],
    pairs: Sequence[tuple[int, str]],
    table: Table,
    closed: Closed = NOTHING_CLOSED,
) -> tuple[list[Lane], dict[int, Hold]]:
    """The lanes to work on, express ones first, and the mailings of which nothing may go. Pure."""
    by_id = {mailing.id: mailing for mailing in mailings}
    lanes: dict[str, Lane] = {}
    held: dict[int, Hold] = {}
    going: set[int] = set()
    for mailing_id, destination in pairs:
        found = _lanes(by_id[mailing_id], destination, table, closed)
        if isinstance(found, Hold):
            held[mailing_id] = found
        else:
            going.add(mailing_id)
            lanes |= {lane.name: lane for lane in found}
    first = sorted(lanes.values(), key=lambda lane: not lane.is_express)
    return first, {key: hold for key, hold in held.items() if key not in going}


def _lanes(mailing: Active, destination: str, table: Table, closed: Closed) -> list[Lane] | Hold:
    if mailing.customer_id in closed.customers:
        return Hold(closed.customers[mailing.customer_id])
    route = table.route(mailing.customer_id, mailing.needs)
    if isinstance(route, Hold):
        return route
    found = [
        Lane(route.id, ip.id, destination, share(ip, route.ips), not mailing.is_bulk)
        for ip in route.ips
        if (ip.id, destination) not in closed.ways
    ]
    return found or Hold(closed.ways[route.ips[0].id, destination])


def share(ip: Ip, ips: Sequence[Ip]) -> int:
    """An IP's batch by its weight against the heaviest of the pool."""
    return max(1, BATCH * ip.weight // max(other.weight for other in ips))
