"""Claiming due deliveries for a lane, with a lease, and giving them back.

A claim is one statement: rows are picked with SKIP LOCKED, so that two workers never pick the same
one, and marked `sending` until the lease ends. A worker that dies leaves rows whose lease runs
out; `return_expired` finds them by query.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from delivery.models import Attempt, Delivery
from delivery.models.delivery import AttemptVerdict
from delivery.states import DeliveryState


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery in a worker's hands."""

    id: int
    mailing_id: int
    customer_id: int
    address: str
    domain: str
    destination: str
    fields: Mapping[str, str]
    attempts: int
    queued_at: datetime


_CLAIM = """
WITH picked AS (
    SELECT d.id FROM unnest(%(mailings)s::bigint[]) WITH ORDINALITY AS m(id, turn)
    CROSS JOIN LATERAL (
        SELECT id FROM delivery_delivery
        WHERE mailing_id = m.id AND destination = %(destination)s
          AND state IN ('queued', 'deferred') AND next_attempt_at <= %(now)s
          AND id >= %(since)s
        ORDER BY next_attempt_at LIMIT %(share)s FOR UPDATE SKIP LOCKED
    ) d
    LIMIT %(limit)s
)
UPDATE delivery_delivery AS d
SET state = 'sending', claimed_until = %(until)s, claimed_by = %(token)s
FROM picked WHERE d.id = picked.id AND d.id >= %(since)s
RETURNING d.id, d.mailing_id, d.customer_id, d.address, d.domain, d.destination, d.fields::text,
    d.attempts, d.queued_at
"""


def claim(  # noqa: PLR0913 - the lane, the bounds and the lease
    *,
    mailings: Sequence[int],
    destination: str,
    since: int,
    limit: int,
    token: str,
    until: datetime,
    now: datetime,
) -> list[Claimed]:
    """Take up to `limit` due deliveries, an equal share of each mailing.

    `since` is the smallest delivery id of these mailings: older partitions are not looked at.
    """
    if not mailings:
        return []
    params = {
        "mailings": list(mailings),
        "destination": destination,
        "since": since,
        "share": max(1, limit // len(mailings)),
        "limit": limit,
        "token": token,
        "until": until,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, params)
        return [_claimed(row) for row in cursor.fetchall()]


def _claimed(row: Sequence[Any]) -> Claimed:
    return Claimed(*row[:6], json.loads(row[6]), *row[7:])


def give_back(*, ids: Sequence[int], token: str) -> int:
    """Return claimed but untried deliveries to the queue; how many."""
    return _release(ids, token, state_sql="CASE WHEN attempts = 0 THEN 'queued' ELSE 'deferred' END")


def suppress(*, reasons: Mapping[int, str], token: str, now: datetime) -> int:
    """End claimed deliveries whose address must not be mailed: id -> reason."""
    if not reasons:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_delivery d SET state = 'suppressed', reason = v.reason,"
            " claimed_until = NULL, claimed_by = '', finished_at = %s"
            " FROM unnest(%s::bigint[], %s::text[]) AS v(id, reason)"
            " WHERE d.id = v.id AND d.state = 'sending' AND d.claimed_by = %s",
            [now, list(reasons), list(reasons.values()), token],
        )
        return cursor.rowcount


def _release(ids: Sequence[int], token: str, *, state_sql: str) -> int:
    if not ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE delivery_delivery SET state = {state_sql}, claimed_until = NULL,"
            " claimed_by = '' WHERE id = ANY(%s) AND state = 'sending' AND claimed_by = %s",
            [list(ids), token],
        )
        return cursor.rowcount


def return_expired(*, now: datetime) -> int:
    """Bring back what a dead worker held: due at once, with an attempt that says `uncertain`.

    The receiver may have taken the message before the worker died; a second copy is the lesser
    evil against a lost one.
    """
    with transaction.atomic():
        lost = list(
            Delivery.objects.select_for_update(skip_locked=True).filter(
                state=DeliveryState.SENDING, claimed_until__lt=now
            )[:5000]
        )
        Delivery.objects.filter(id__in=[row.pk for row in lost]).update(
            state=DeliveryState.DEFERRED,
            reason="worker-lost",
            next_attempt_at=now,
            claimed_until=None,
            claimed_by="",
        )
        Attempt.objects.bulk_create(_uncertain(row, now) for row in lost)
    return len(lost)


def _uncertain(row: Delivery, now: datetime) -> Attempt:
    empty = dict.fromkeys(
        ("source", "helo", "envelope_sender", "mx_host", "mx_address", "tls", "phase", "enhanced",
         "text", "matched_list", "conversation"), "",
    )  # fmt: skip
    return Attempt(
        delivery_id=row.pk,
        mailing_id=row.mailing_id,
        customer_id=row.customer_id,
        address=row.address,
        destination=row.destination,
        verdict=AttemptVerdict.UNCERTAIN,
        category="worker-lost",
        reason="worker-lost",
        at=now,
        seconds=0.0,
        **empty,
    )
