"""What an attempt's outcome does to its delivery, and writing both down in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import random
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from delivery import consequences, consequences_table, retry, verdicts
from delivery.claims import Claimed
from delivery.consequences_events import Event
from delivery.states import DeliveryState
from wire import replies
from wire.addresses import parse
from wire.outcomes import Outcome, Phase, Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a delivery goes after an attempt; `next_attempt_at` only when deferred."""

    state: DeliveryState
    reason: str
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Carrier:
    """The route an attempt took, for its row."""

    pool_id: int
    ip_id: int
    source: str
    helo: str


@dataclass(frozen=True, slots=True)
class Result:
    """One finished attempt, not yet written down: all that its rows need. `attempts` counts it.

    The attempt's id was drawn at the claim, so that writing it twice can be told from two attempts.
    """

    attempt_id: int
    delivery_id: int
    mailing_id: int
    customer_id: int
    address: str
    destination: str
    attempts: int
    envelope_sender: str
    expires_at: datetime
    outcome: Outcome
    judged: replies.Verdict

    @property
    def category(self) -> str:
        return self.judged.category


def result_of(
    claimed: Claimed, outcome: Outcome, *, envelope_sender: str, expires_at: datetime
) -> Result:
    """Read the outcome: what its reply means."""
    return Result(
        attempt_id=claimed.attempt_id,
        delivery_id=claimed.id,
        mailing_id=claimed.mailing_id,
        customer_id=claimed.customer_id,
        address=claimed.address,
        destination=claimed.destination,
        attempts=claimed.attempts + 1,
        envelope_sender=envelope_sender,
        expires_at=expires_at,
        outcome=outcome,
        judged=verdicts.judge(outcome),
    )


def decide(
    *,
    verdict: Verdict,
    category: str,
    permanence: str,
    attempts: int,
    ladder: Sequence[int],
    chance: float,
    now: datetime,
    expires_at: datetime,
) -> Decision:
    """The delivery's next state. `attempts` counts this one.

    Whether a failure is final, the table of consequences says. An uncertain attempt is repeated: a
    second copy is the lesser evil against a lost one.
    """
    if verdict is Verdict.accepted:
        return Decision(DeliveryState.ACCEPTED, "accepted")
    if verdict is not Verdict.uncertain and consequences_table.is_final(
        category, verdict=verdict, permanence=permanence
    ):
        return Decision(DeliveryState.REFUSED, category)
    at = retry.next_attempt(
        attempts=attempts, ladder=ladder, chance=chance, now=now, expires_at=expires_at
    )
    if at is None:
        return Decision(DeliveryState.EXPIRED, category)
    return Decision(DeliveryState.DEFERRED, category, at)


_UPDATE = """
UPDATE delivery_delivery d
SET state = v.state, reason = v.reason, attempts = d.attempts + 1,
    next_attempt_at = COALESCE(v.next_at, d.next_attempt_at), claimed_until = NULL,
    claimed_by = '', finished_at = v.finished_at
FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(reasons)s::text[],
    %(next)s::timestamptz[], %(finished)s::timestamptz[])
    AS v(id, state, reason, next_at, finished_at)
WHERE d.id = v.id AND d.id BETWEEN %(low)s AND %(high)s
  AND (
    (d.state = 'sending' AND d.claimed_by = %(token)s)
    -- The lease ran out while the message was on its way and nobody has taken it again: what the
    -- receiver said still holds, and a second copy is spared.
    OR (d.state = 'deferred' AND d.reason = 'worker-lost')
    -- So does an acceptance when the mailing was cancelled meanwhile.
    OR (d.state = 'cancelled' AND v.state = 'accepted')
  )
RETURNING d.id, d.contact_id
"""

_COLUMNS = (
    "id", "delivery_id", "mailing_id", "customer_id", "address", "destination", "pool_id",
    "ip_id", "source", "helo", "envelope_sender", "mx_host", "mx_address", "tls", "phase", "code",
    "enhanced", "text", "verdict", "category", "matched_list", "blamed", "resource", "rule",
    "reason", "at", "seconds", "conversation",
)  # fmt: skip


def record(*, results: Sequence[Result], carrier: Carrier, token: str, now: datetime) -> int:
    """Write attempts and move deliveries, in one transaction. How many deliveries moved.

    It may be repeated, and two may do it at once: what is written already is left alone.
    """
    if not results:
        return 0
    # In one order: of two that write the same attempts, one waits for the other.
    ordered = sorted(results, key=lambda result: result.attempt_id)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            _copy(cursor, ordered, carrier)
            return _settle(cursor, ordered, carrier, token, now)
    except psycopg.errors.UniqueViolation:
        with transaction.atomic(), connection.cursor() as cursor:
            new = [result for result in ordered if _insert(cursor, result, carrier)]
            return _settle(cursor, new, carrier, token, now)


def _settle(
    cursor: CursorWrapper, results: Sequence[Result], carrier: Carrier, token: str, now: datetime
) -> int:
    """Move the deliveries of attempts just written, and draw the consequences of each."""
    if not results:
        return 0
    decided = [(result, _decision(result, now)) for result in results]
    contacts = _move(cursor, decided, token, now)
    # A failure that moved nothing counts for nobody: somebody else has the message now, and what
    # becomes of it is theirs to tell. What was accepted was accepted.
    events = [
        _event(result, decision, carrier, contacts.get(result.delivery_id), now)
        for result, decision in decided
        if result.delivery_id in contacts or decision.state is DeliveryState.ACCEPTED
    ]
    consequences.follow(events, now=now)
    return len(contacts)


def _copy(cursor: CursorWrapper, results: Sequence[Result], carrier: Carrier) -> None:
    with cursor.copy(f"COPY delivery_attempt ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
        for result in results:
            copy.write_row(_attempt_row(result, carrier))


def _insert(cursor: CursorWrapper, result: Result, carrier: Carrier) -> bool:
    """False when the attempt is written already. Slower than COPY, which cannot leave out rows."""
    places = ", ".join(["%s"] * len(_COLUMNS))
    cursor.execute(
        f"INSERT INTO delivery_attempt ({', '.join(_COLUMNS)}) VALUES ({places})"  # noqa: S608
        " ON CONFLICT (id) DO NOTHING",
        _attempt_row(result, carrier),
    )
    return bool(cursor.rowcount)


def _move(
    cursor: CursorWrapper, decided: Sequence[tuple[Result, Decision]], token: str, now: datetime
) -> dict[int, int | None]:
    """Delivery id -> contact id, for those that moved."""
    cursor.execute(_UPDATE, _update_params(decided, token, now))
    return dict(cursor.fetchall())


def _update_params(
    decided: Sequence[tuple[Result, Decision]], token: str, now: datetime
) -> dict[str, Any]:
    ids = [result.delivery_id for result, _ in decided]
    decisions = [decision for _, decision in decided]
    return {
        "ids": ids,
        "states": [decision.state.value for decision in decisions],
        "reasons": [decision.reason for decision in decisions],
        "next": [decision.next_attempt_at for decision in decisions],
        "finished": [now if decision.state.is_final else None for decision in decisions],
        "low": min(ids),
        "high": max(ids),
        "token": token,
    }


def _decision(result: Result, now: datetime) -> Decision:
    return decide(
        verdict=result.outcome.verdict,
        category=result.category,
        permanence=result.judged.permanence,
        attempts=result.attempts,
        ladder=settings.RETRY_LADDER,
        chance=random(),  # noqa: S311 - spreads load, guards nothing
        now=now,
        expires_at=result.expires_at,
    )


def _event(
    result: Result, decision: Decision, carrier: Carrier, contact_id: int | None, now: datetime
) -> Event:
    return Event(
        at=now,
        customer_id=result.customer_id,
        delivery_id=result.delivery_id,
        contact_id=contact_id,
        key=parse(result.address).key,
        destination=result.destination,
        pool_id=carrier.pool_id,
        ip_id=carrier.ip_id,
        source=carrier.source,
        state=decision.state,
        judged=result.judged,
        is_after_data=result.outcome.phase is Phase.end_of_data,
        attempt_id=result.attempt_id,
    )


def _attempt_row(result: Result, carrier: Carrier) -> tuple[Any, ...]:
    outcome, reply, judged = result.outcome, result.outcome.reply, result.judged
    return (
        result.attempt_id, result.delivery_id, result.mailing_id, result.customer_id,
        result.address, result.destination, carrier.pool_id, carrier.ip_id, carrier.source,
        carrier.helo, result.envelope_sender,
        outcome.mx_host, outcome.mx_address, outcome.tls, outcome.phase.value,
        reply.code if reply else None, reply.enhanced if reply else "", reply.text if reply else "",
        outcome.verdict.value, judged.category, judged.list,
        "" if outcome.verdict is Verdict.accepted else judged.blamed.value,
        judged.resource, judged.rule,
        outcome.reason, outcome.started, outcome.seconds, outcome.conversation,
    )  # fmt: skip
