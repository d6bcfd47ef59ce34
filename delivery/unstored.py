"""Outcomes that cannot be stored: set aside, told of, and not in the way of the others.

They lie in a list in Valkey, octet for octet, for whoever looks into it; operators read of them in
the history of the pool. The deliveries come back when their leases end.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg
import redis
from django.db import DataError, IntegrityError

from customers import audit
from customers.models import AuditEntry

log = logging.getLogger(__name__)

KEY = "hatobin:journal:unstored"
# The list is for people: older ones go.
MOST = 10_000
TELL_AGAIN = timedelta(hours=1)
VERB = "pool.unstored"
BY = "recovery"
# Errors of the outcome itself: a value that no column takes, a day without a partition. They would
# come again each time, other than those of a database that is away or being changed.
OF_THE_OUTCOME = (
    DataError,
    IntegrityError,
    psycopg.DataError,
    psycopg.IntegrityError,
    ValueError,
    TypeError,
)


def set_aside(client: "redis.Redis", entries: Sequence[bytes]) -> None:
    """Keep the octets of these entries of the journal."""
    if entries:
        client.rpush(KEY, *entries)
        client.ltrim(KEY, -MOST, -1)


def tell(error: Exception, *, delivery_id: int, pool_id: int, now: datetime) -> None:
    """Operators, by the log and by the history of the pool: there once an hour."""
    log.error("The outcome of delivery %s cannot be stored", delivery_id, exc_info=error)
    subject = f"pool:{pool_id}"
    told = AuditEntry.objects.filter(subject=subject, verb=VERB, at__gt=now - TELL_AGAIN)
    if not told.exists():
        audit.record(
            verb=VERB,
            subject=subject,
            by=BY,
            now=now,
            why=str(error).partition("\n")[0],
            evidence={"delivery": delivery_id, "list": KEY},
        )
