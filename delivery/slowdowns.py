"""Slowing down towards a destination that asks for it, and recovering by and by.

Multiplicative decrease, additive increase: each request halves what an IP uses of its limits
towards that destination; then it grows by a twentieth a minute. The rows live in PostgreSQL, so
that a restart forgets nothing; each batch reads its row when it begins. Batches under way in the
same lane are called: they look a few times a second. Those of other lanes go on undisturbed, and
nobody reads routes again, however many receivers complain at once.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import redis
from django.db import transaction

from customers import audit
from delivery import announcements, live
from delivery.models import SendingIp, SlowDown

log = logging.getLogger(__name__)

KEY = "hatobin:slow:"
# A call is kept for longer than any batch lasts.
CALL_SECONDS = 3600
HALVING = 0.5
LEAST = 1 / 64  # below it, the lane pauses
# Replies that come in together are one request: they were all under way before we slowed down.
AT_MOST_EVERY = timedelta(seconds=5)
RECOVERY_PER_MINUTE = 0.05
# A lane whose connections are refused rests for so long, twice as long each time in a row.
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=15)
# After so long without trouble, the next pause is a first one again.
FORGOTTEN = timedelta(hours=1)
BY = "slow-down"


@dataclass(frozen=True, slots=True)
class Pressed:
    """How hard a lane is pressed at one moment: `factor` of its limits, not before `until`."""

    factor: float = 1.0
    base_rate: float = 0.0  # messages per second that the factor is a part of
    until: datetime | None = None

    @property
    def is_slow(self) -> bool:
        return self.factor < 1 or self.until is not None


FREE = Pressed()


def pressed(row: SlowDown | None, now: datetime) -> Pressed:
    """What holds at that moment. Pure."""
    if row is None:
        return FREE
    until = row.paused_until if row.paused_until and row.paused_until > now else None
    minutes = max(0.0, (now - row.changed_at).total_seconds() / 60)
    factor = min(1.0, row.factor + minutes * RECOVERY_PER_MINUTE)
    return Pressed(factor, row.base_rate, until)


def of(*, ip_id: int, destination: str, now: datetime) -> Pressed:
    """How hard that lane is pressed now."""
    return pressed(SlowDown.objects.filter(ip=ip_id, destination=destination).first(), now)


def last_call(*, ip_id: int, destination: str) -> str:
    """A word that changes when that lane is slowed down or paused: batches begun before are over.

    Raises redis.RedisError when Valkey cannot be asked.
    """
    return str(live.connection().get(_key(ip_id, destination)) or "")


def paused(*, now: datetime) -> set[tuple[int, str]]:
    """(IP id, destination) of the lanes that pause now."""
    rows = SlowDown.objects.filter(paused_until__gt=now)
    return set(rows.values_list("ip_id", "destination"))


def current(*, now: datetime) -> list[SlowDown]:
    """The rows that still have an effect, with their IPs."""
    rows = SlowDown.objects.select_related("ip").order_by("destination", "ip_id")
    return [row for row in rows if pressed(row, now).is_slow]


def halve(
    *, ip_id: int, destination: str, rate: float, reason: str, reply: str, now: datetime
) -> bool:
    """Use half of what was used. False when that was done a moment ago.

    `rate`: messages per second that were let out, by limit or by measure; kept as the measure of
    the factor while it is below 1.
    """
    with transaction.atomic():
        row = _locked(ip_id, destination, now)
        before = pressed(row, now)
        if before.is_slow and now - row.changed_at < AT_MOST_EVERY:
            return False
        row.base_rate = before.base_rate if before.factor < 1 else max(rate, LEAST)
        row.factor = max(LEAST, before.factor * HALVING)
        if before.factor * HALVING < LEAST:
            _pause(row, now)
        _store(row, reason, reply, now)
        _audit(row, "limits.slow", now, before.factor, {"reply": row.reply})
    return True


def pause(*, ip_id: int, destination: str, reason: str, reply: str, now: datetime) -> None:
    """Rest the lane for a time, twice as long each time in a row."""
    with transaction.atomic():
        row = _locked(ip_id, destination, now)
        before = pressed(row, now)
        row.factor, row.base_rate = before.factor, before.base_rate or row.base_rate
        _pause(row, now)
        _store(row, reason, reply, now)
        _audit(row, "limits.pause", now, before.factor, {"until": str(row.paused_until)})


def lift(*, slow_down: SlowDown, why: str, by: audit.Actor, now: datetime) -> None:
    """Use the whole limits again, at once."""
    with transaction.atomic():
        SlowDown.objects.filter(pk=slow_down.pk).delete()
        audit.record(
            verb="limits.lift",
            subject=subject(slow_down.destination),
            by=by,
            now=now,
            before=f"{slow_down.factor:.2f}",
            after="1.00",
            why=why,
            evidence={"ip": slow_down.ip.address},
        )
        announcements.make()


def subject(destination: str) -> str:
    """How the audit log calls a destination."""
    return f"destination:{destination}"


def _locked(ip_id: int, destination: str, now: datetime) -> SlowDown:
    row, _created = SlowDown.objects.select_for_update().get_or_create(
        ip_id=ip_id, destination=destination, defaults={"changed_at": now}
    )
    return row


def _key(ip_id: int, destination: str) -> str:
    return f"{KEY}{ip_id}:{destination}"


def _call(ip_id: int, destination: str) -> None:
    """Without Valkey nobody sends anyway."""
    key = _key(ip_id, destination)
    try:
        live.connection().set(key, secrets.token_hex(8), ex=CALL_SECONDS)
    except redis.RedisError as error:
        log.warning("The batches of %s cannot be told to slow down: %s", key, error)


def _pause(row: SlowDown, now: datetime) -> None:
    recent = row.paused_until is not None and now - row.paused_until < FORGOTTEN
    row.pauses = row.pauses + 1 if recent else 1
    row.paused_until = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(row.pauses - 1, 10))


def _store(row: SlowDown, reason: str, reply: str, now: datetime) -> None:
    row.changed_at, row.reason, row.reply = now, reason, reply[:500]
    row.save(
        update_fields=[
            "factor",
            "base_rate",
            "changed_at",
            "paused_until",
            "pauses",
            "reason",
            "reply",
        ]
    )
    transaction.on_commit(partial(_call, row.ip_id, row.destination))


def _audit(
    row: SlowDown, verb: str, now: datetime, before: float, evidence: dict[str, str]
) -> None:
    address = SendingIp.objects.values_list("address", flat=True).get(pk=row.ip_id)
    audit.record(
        verb=verb,
        subject=subject(row.destination),
        by=BY,
        now=now,
        before=f"{before:.2f}",
        after=f"{row.factor:.2f}",
        why=row.reason,
        evidence={"ip": address, **evidence},
    )
