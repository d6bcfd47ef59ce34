"""Claiming due deliveries for a lane, with a lease, and giving them back.

A claim is one statement: rows are picked with SKIP LOCKED, so that two workers never pick the same
one, and marked `sending` until the lease ends. Leases are short, and renewed while the worker
lives. One that dies leaves rows whose lease runs out; `return_expired` finds them by query.
"""

import json
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import random
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from delivery.models import Attempt, Delivery, SendingIp
from delivery.models.delivery import AttemptVerdict
from delivery.retry import delay
from delivery.states import DeliveryState

LOST = "worker-lost"


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
    attempt_id: int  # of the attempt to come, drawn now: see outcomes.Result


_CLAIM = """
WITH picked AS (
    SELECT d.id FROM unnest(%(mailings)s::bigint[], %(shares)s::int[]) AS m(id, share)
    CROSS JOIN LATERAL (
        SELECT id FROM delivery_delivery
        WHERE mailing_id = m.id AND destination = %(destination)s
          AND state IN ('queued', 'deferred') AND next_attempt_at <= %(now)s
          AND id >= %(since)s
        ORDER BY next_attempt_at LIMIT m.share FOR UPDATE SKIP LOCKED
    ) d
    LIMIT %(limit)s
)
UPDATE delivery_delivery AS d
SET state = 'sending', claimed_until = %(until)s, claimed_by = %(token)s
FROM picked WHERE d.id = picked.id AND d.id >= %(since)s
RETURNING d.id, d.mailing_id, d.customer_id, d.address, d.domain, d.destination, d.fields::text,
    d.attempts, d.queued_at, hatobin_id('delivery_attempt_ids')
"""


def claim(
    *,
    mailings: Sequence[int],
    destination: str,
    since: int,
    limit: int,
    token: str,
    until: datetime,
    now: datetime,
    shares: Sequence[int] = (),
) -> list[Claimed]:
    """Take up to `limit` due deliveries: of each mailing its share (default: an equal one).

    `since` is the smallest delivery id of these mailings: older partitions are not looked at.
    """
    if not mailings:
        return []
    params: dict[str, Any] = {
        "mailings": list(mailings),
        "destination": destination,
        "since": since,
        "shares": list(shares) or [max(1, limit // len(mailings))] * len(mailings),
        "limit": limit,
        "token": token,
        "until": until,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, params)
        return [_claimed(row) for row in cursor.fetchall()]


def _claimed(row: Sequence[Any]) -> Claimed:
    *before, fields, attempts, queued_at, attempt_id = row
    values = [*before, json.loads(fields), attempts, queued_at, attempt_id]
    return Claimed(*values)


def renew(*, ids: Sequence[int], token: str, until: datetime) -> int:
    """Prolong the lease of those deliveries that are still in the claim; how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_delivery SET claimed_until = %s"
            " WHERE id = ANY(%s) AND state = 'sending' AND claimed_by = %s",
            [until, list(ids), token],
        )
        return int(cursor.rowcount)


def give_back(*, ids: Sequence[int], token: str) -> int:
    """Return claimed but untried deliveries to the queue; how many."""
    if not ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_delivery SET claimed_until = NULL, claimed_by = '',"
            " state = CASE WHEN attempts = 0 THEN 'queued' ELSE 'deferred' END"
            " WHERE id = ANY(%s) AND state = 'sending' AND claimed_by = %s",
            [list(ids), token],
        )
        return int(cursor.rowcount)


def suppress(*, reasons: Mapping[int, str], token: str, now: datetime) -> int:
    """End claimed deliveries whose address must not be mailed: id -> reason."""
    if not reasons:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_delivery d SET state = 'suppressed', reason = v.reason,"
            " claimed_until = NULL, claimed_by = '', finished_at = %s"
            " FROM unnest(%s::bigint[], %s::text[]) AS v(id, reason)"
            " WHERE d.id = v.id AND d.id BETWEEN %s AND %s"
            " AND d.state = 'sending' AND d.claimed_by = %s",
            [now, list(reasons), list(reasons.values()), min(reasons), max(reasons), token],
        )
        return int(cursor.rowcount)


def new_token(*, pool_id: int, ip_id: int) -> str:
    """Who claims, and for which route: a dead worker's rows still tell what it was doing."""
    return f"{pool_id}/{ip_id}/{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(6)}"


def route_of(token: str) -> tuple[int, int]:
    """(pool id, IP id) of a claim."""
    pool_id, ip_id, *_who = token.split("/")
    return int(pool_id), int(ip_id)


def has_expired(*, now: datetime) -> bool:
    """Whether a lease ran out. Not told for a while after a start of PostgreSQL: no worker could
    renew while it was down, and those that live do so first.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_postmaster_start_time()")
        started: datetime = cursor.fetchone()[0]
    if now - started < timedelta(seconds=settings.LEASE_SECONDS):
        return False
    return Delivery.objects.filter(state=DeliveryState.SENDING, claimed_until__lt=now).exists()


def return_expired(*, now: datetime) -> int:
    """Bring back what a dead worker held, with an attempt that says `uncertain`. How many.

    The receiver may have taken the message before the worker died; a second copy is the lesser
    evil against a lost one. Due at once; but what was lost before, and not tried since, may be what
    the workers die of: it goes up the ladder as after a failed attempt.
    Called by `recovery`, after the journal has had its say.
    """
    with transaction.atomic():
        lost = list(
            Delivery.objects.select_for_update(skip_locked=True).filter(
                state=DeliveryState.SENDING, claimed_until__lt=now
            )[:5000]
        )
        for row in lost:
            _lose(row, ladder=settings.RETRY_LADDER, chance=random(), now=now)  # noqa: S311 - spreads
        _bring_back(lost)
        ips = SendingIp.objects.in_bulk({route_of(row.claimed_by)[1] for row in lost})
        Attempt.objects.bulk_create(_uncertain(row, ips, now) for row in lost)
    return len(lost)


def _lose(row: Delivery, *, ladder: Sequence[int], chance: float, now: datetime) -> None:
    """When it is due again, and which attempt that will be; only in the memory."""
    row.next_attempt_at = now
    if row.reason == LOST:
        row.attempts += 1
        row.next_attempt_at += delay(attempts=row.attempts, ladder=ladder, chance=chance)


def _bring_back(rows: Sequence[Delivery]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_delivery d SET state = 'deferred', reason = %s, attempts = v.attempts,"
            " next_attempt_at = v.due, claimed_until = NULL, claimed_by = ''"
            " FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[]) AS v(id, attempts, due)"
            " WHERE d.id = v.id",
            [
                LOST,
                [row.pk for row in rows],
                [row.attempts for row in rows],
                [row.next_attempt_at for row in rows],
            ],
        )


def _uncertain(row: Delivery, ips: Mapping[int, SendingIp], now: datetime) -> Attempt:
    """What is known of the attempt of a dead worker: its route and its end."""
    pool_id, ip_id = route_of(row.claimed_by)
    unknown = ("helo", "envelope_sender", "mx_host", "mx_address", "tls", "phase", "enhanced",
               "text", "matched_list", "conversation")  # fmt: skip
    return Attempt(
        delivery_id=row.pk,
        mailing_id=row.mailing_id,
        customer_id=row.customer_id,
        address=row.address,
        destination=row.destination,
        pool_id=pool_id,
        ip_id=ip_id,
        source=ips[ip_id].address if ip_id in ips else "",
        verdict=AttemptVerdict.UNCERTAIN,
        category=LOST,
        reason=LOST,
        at=now,
        seconds=0.0,
        **dict.fromkeys(unknown, ""),
    )
