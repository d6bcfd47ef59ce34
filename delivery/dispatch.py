"""Dispatch: sweep the lanes, then claim, send and record for one lane at a time.

No transaction is open while a packet is in flight: claim and record are short transactions with
the network between them.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from random import choice

from django.conf import settings
from django.utils import timezone

from customers import suppressions
from delivery import (
    allowances,
    announcements,
    claims,
    flood,
    holds,
    lanes,
    marks,
    outcomes,
    sorting,
    turns,
)
from delivery.claims import Claimed
from delivery.complaints import Complaints
from delivery.crew import Berth
from delivery.destinations import OTHER
from delivery.engine import Engine
from delivery.known import Known
from delivery.leases import Lease
from delivery.letters import letter_of
from delivery.marks import Errand
from delivery.recorder import Recorder, lend_connection, patiently
from delivery.routing import Ip
from delivery.sorting import Sorting
from delivery.turns import Turn
from delivery.watch import Watch
from wire.addresses import parse
from wire.courier import Courier
from wire.letters import Letter
from wire.outcomes import Outcome

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """One claimed batch on its route."""

    errand: Errand
    berth: Berth
    known: Known  # the routes by which it was claimed
    turn: Turn
    ip: Ip
    pool_ips: Sequence[Ip]
    lease: Lease
    mailings: dict[int, lanes.Active]
    claimed: Sequence[Claimed]
    begun: set[int] = field(default_factory=set)  # ids of which a receiver may have heard

    @property
    def lane(self) -> lanes.Lane:
        return self.errand.lane


def sweep(*, engine: Engine, now: datetime) -> list[Errand]:
    """Errands for the lanes with due mail that have none under way yet; they are marked."""
    announcements.catch_up()
    engine.keep_partitions(now)
    mailings, table = lanes.active(), engine.known().table
    pairs = lanes.due(mailings, now=now)
    closed = holds.closed(table, [destination for _, destination in pairs], now=now)
    plan, held = lanes.plan(mailings, pairs, table, closed)
    for mailing_id, hold in held.items():
        log.info("Mailing %s waits: %s", mailing_id, hold.reason)
    return [errand for lane in plan if (errand := marks.take(lane)) is not None]


def run_lane(*, engine: Engine, errand: Errand, berth: Berth) -> int:
    """Claim one batch for the lane, carry it, record every outcome. How many were claimed."""
    now, lane, known = timezone.now(), errand.lane, engine.known()
    with turns.turn(lane, ip_id=lane.ip_id, facts=known.facts, now=now) as turn:
        if not turn.share:
            marks.rest(errand, turn.wait)
            return 0
        batch = _claim(known, errand, berth, turn, now)
        if batch is None:
            return 0
        try:
            _carry(engine, batch, _screened(batch, now))
        except BaseException:
            _give_back_untouched(batch)
            raise
    return len(batch.claimed)


def _claim(known: Known, errand: Errand, berth: Berth, turn: Turn, now: datetime) -> Batch | None:
    lane, table = errand.lane, known.table
    pool = table.pools.get(lane.pool_id)
    ip = next((ip for ip in pool.ips if ip.id == lane.ip_id), None) if pool else None
    if pool is None or ip is None:  # it left the pool since the sweep
        return None
    routed = lanes.routed(lanes.active(), table, lane)
    mailings = lanes.waiting(routed, lane.destination, now=now)
    portions = turn.portions(mailings, now=now)
    token = claims.new_token(pool_id=lane.pool_id, ip_id=lane.ip_id)
    claimed = claims.claim(
        mailings=list(portions),
        shares=list(portions.values()),
        destination=lane.destination,
        since=min((mailing.first_delivery for mailing in mailings), default=0),
        limit=turn.share,
        token=token,
        until=now + timedelta(seconds=settings.LEASE_SECONDS),
        now=now,
    )
    by_id = {mailing.id: mailing for mailing in mailings}
    lease = Lease(token=token, ids=[item.id for item in claimed])
    return Batch(errand, berth, known, turn, ip, pool.ips, lease, by_id, claimed)


def _give_back_untouched(batch: Batch) -> None:
    """After an error: what surely was not sent need not wait until the lease ends."""
    ids = [item.id for item in batch.claimed if item.id not in batch.begun]
    claims.give_back(ids=ids, token=batch.lease.token)


def _screened(batch: Batch, now: datetime) -> list[Claimed]:
    """What of the batch may go, and belongs into its lane."""
    kept = _without_flood(batch, _without_suppressed(batch, now), now)
    if batch.lane.destination == OTHER:
        kept = sorting.sort_out(kept, token=batch.lease.token, now=now)
    return kept


def _without_suppressed(batch: Batch, now: datetime) -> list[Claimed]:
    """End the deliveries whose address was suppressed after they were queued."""
    keys = {item.id: parse(item.address).key for item in batch.claimed}
    by_customer: dict[int, list[str]] = {}
    for item in batch.claimed:
        by_customer.setdefault(item.customer_id, []).append(keys[item.id])
    found = {
        customer_id: suppressions.reasons(
            customer_id=customer_id, keys=wanted, is_bulk=not batch.lane.is_express
        )
        for customer_id, wanted in by_customer.items()
    }
    stopped = {
        item.id: found[item.customer_id][keys[item.id]]
        for item in batch.claimed
        if keys[item.id] in found[item.customer_id]
    }
    claims.suppress(reasons=stopped, token=batch.lease.token, now=now)
    return [item for item in batch.claimed if item.id not in stopped]


def _without_flood(batch: Batch, items: Sequence[Claimed], now: datetime) -> list[Claimed]:
    """Hold those back whose address has had enough."""
    beyond = flood.beyond(items, flood.bounds(), now=now)
    held = [item for item in items if item.id in beyond]
    flood.hold(items=held, token=batch.lease.token, now=now)
    return [item for item in items if item.id not in beyond]


def _carry(engine: Engine, batch: Batch, kept: Sequence[Claimed]) -> None:
    """Send from the lane's IP; what it cannot reach, from one of the other address family."""
    other = _other_family(batch)
    unreached = _carry_from(engine, batch, batch.ip, batch.turn, kept, is_last=other is None)
    if other is None or not unreached:
        return
    lane = replace(batch.lane, share=min(batch.lane.share, len(unreached)))
    facts = batch.known.facts
    with turns.turn(lane, ip_id=other.id, facts=facts, now=timezone.now()) as turn:
        go, stay = unreached[: turn.share], unreached[turn.share :]
        ids = [item.id for item in stay]
        patiently(lambda: claims.give_back(ids=ids, token=batch.lease.token))
        if go:
            _carry_from(engine, batch, other, turn, go, is_last=True)
        else:
            marks.rest(batch.errand, turns.LONGEST_WAIT)


def _other_family(batch: Batch) -> Ip | None:
    """An IP of the same pool that speaks the IP version which the lane's does not."""
    version = ip_address(batch.ip.address).version
    others = [ip for ip in batch.pool_ips if ip_address(ip.address).version != version]
    return choice(others) if others else None  # noqa: S311 - spreads load, guards nothing


def _carry_from(
    engine: Engine, batch: Batch, ip: Ip, turn: Turn, items: Sequence[Claimed], *, is_last: bool
) -> list[Claimed]:
    """Send and record; those that this IP cannot reach come back, unless it is the last one."""
    by_id = {item.id: item for item in items}
    unreached: list[Claimed] = []
    carrier = outcomes.Carrier(batch.lane.pool_id, ip.id, ip.address, ip.helo)
    watch = _watch(batch, turn)
    complaints = Complaints(ip_id=ip.id, destination=batch.lane.destination, stop=watch.stop)
    patterns = batch.known.facts.patterns if batch.lane.destination == OTHER else {}
    found = Sorting(patterns)
    with Recorder(carrier=carrier, lease=batch.lease) as recorder:

        def report(letter: Letter, outcome: Outcome) -> None:
            item = by_id[letter.key]
            if outcome.reason == "no-usable-address" and not is_last:
                unreached.append(item)
                return
            expires_at = batch.mailings[item.mailing_id].expires_at
            result = outcomes.result_of(
                item, outcome, envelope_sender=letter.sender, expires_at=expires_at
            )
            batch.begun.add(item.id)
            recorder.add(result)
            if allowances.uses(outcome):
                turn.tried()
                batch.turn.spend(item.customer_id)
            complaints.hear(domain=letter.domain, category=result.category, outcome=outcome)

        letters = [_letter(batch, item) for item in items]
        courier = _courier(engine, batch, ip, turn, found)
        lend_connection()
        untried = engine.run(watch.over(courier.carry, letters, report))
    rate, seconds = turn.limits.rate.per_second, turn.seconds
    patiently(
        lambda: found.settle(complaints.settle(rate=rate, seconds=seconds, now=timezone.now()))
    )
    patiently(lambda: found.give_back(untried, token=batch.lease.token))
    return unreached


def _watch(batch: Batch, turn: Turn) -> Watch:
    return Watch(
        errand=batch.errand,
        epoch=batch.known.epoch,
        lease=batch.lease,
        goes_on=lambda: batch.berth.goes_on() and turn.goes_on(),
        keep=turn.keep,
        leave=batch.berth.leave,
    )


def _courier(engine: Engine, batch: Batch, ip: Ip, turn: Turn, found: Sorting) -> Courier:
    alone = {} if batch.lane.destination == OTHER else {"sessions": turn.connections}
    return engine.courier(
        batch.known.pool(batch.lane.pool_id),
        ip,
        connections=turn.connections,
        letters=turn.limits.messages_per_connection,
        pace=turn.pace,
        admits=found.admits,
        **alone,
    )


def _letter(batch: Batch, item: Claimed) -> Letter:
    return letter_of(
        item,
        known=batch.known,
        pool_id=batch.lane.pool_id,
        needs_tls=batch.mailings[item.mailing_id].needs.tls,
        begin=batch.begun.add,
    )
