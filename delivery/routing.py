"""Which pool carries whose mail, decided at claim time.

`decide` is pure; `table` gathers its facts from the database in a handful of queries.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from compliance import standings
from compliance.models import StandingState
from delivery.models import Assignment, IpState, Pool, PoolFallback, PoolRole, PoolState, SendingIp
from wire.letters import Source

log = logging.getLogger(__name__)


class HoldReason(StrEnum):
    """Why nothing may be claimed for this mail now."""

    SUSPENDED = "customer-suspended"
    UNASSIGNED = "no-pool-assigned"
    NO_QUARANTINE = "no-quarantine-pool"
    NO_CLEAN_POOL = "no-clean-pool"
    NO_CAPABLE_POOL = "no-capable-pool"
    WARM_UP = "warm-up-used"
    RECEIVER = "receiver-pause"
    CUSTOMER_LIMIT = "customer-limit"


@dataclass(frozen=True, slots=True)
class Hold:
    """The mail waits in the queue; `reason` is shown."""

    reason: HoldReason


@dataclass(frozen=True, slots=True)
class Needs:
    """What a message asks of its pool."""

    tls: bool = False
    attachments: bool = False


@dataclass(frozen=True, slots=True)
class Ip:
    id: int
    address: str
    helo: str
    weight: int


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """A pool as routing sees it: `ips` are the active ones only."""

    id: int
    role: PoolRole
    is_active: bool
    can_tls: bool
    can_attachments: bool
    ips: tuple[Ip, ...]

    @property
    def is_clean(self) -> bool:
        return self.is_active and bool(self.ips)

    def can_carry(self, needs: Needs) -> bool:
        return (self.can_tls or not needs.tls) and (self.can_attachments or not needs.attachments)


@dataclass(frozen=True, slots=True)
class Table:
    """Everything `route` asks, as it stood at one moment."""

    pools: Mapping[int, PoolFacts]
    homes: Mapping[int, int]  # customer id -> pool id
    ladders: Mapping[int, Sequence[int]] = field(default_factory=dict)
    standings: Mapping[int, StandingState] = field(default_factory=dict)

    def route(self, customer_id: int, needs: Needs) -> PoolFacts | Hold:
        """The pool for this customer's mail now, or why it must wait."""
        standing = self.standings.get(customer_id, StandingState.NORMAL)
        if standing == StandingState.SUSPENDED:
            return Hold(HoldReason.SUSPENDED)
        if standing == StandingState.QUARANTINED:
            return self._quarantine(needs)
        home = self.homes.get(customer_id)
        if home is None:
            return Hold(HoldReason.UNASSIGNED)
        return decide([self.pools[step] for step in (home, *self.ladders.get(home, ()))], needs)

    def _quarantine(self, needs: Needs) -> PoolFacts | Hold:
        pools = [pool for pool in self.pools.values() if pool.role == PoolRole.QUARANTINE]
        return decide(pools, needs) if pools else Hold(HoldReason.NO_QUARANTINE)


def decide(steps: Sequence[PoolFacts], needs: Needs) -> PoolFacts | Hold:
    """The first clean pool that can carry it. Never a pool that is not clean, never degraded."""
    clean = [pool for pool in steps if pool.is_clean]
    if not clean:
        return Hold(HoldReason.NO_CLEAN_POOL)
    for pool in clean:
        if pool.can_carry(needs):
            return pool
    return Hold(HoldReason.NO_CAPABLE_POOL)


def table() -> Table:
    """Read pools, active IPs, ladders, assignments and standings."""
    return Table(
        pools=_pools(),
        homes=dict(Assignment.objects.values_list("customer_id", "pool_id")),
        ladders=_ladders(),
        standings=standings.current(),
    )


def _pools() -> dict[int, PoolFacts]:
    ips: dict[int, list[Ip]] = {}
    active = SendingIp.objects.filter(state=IpState.ACTIVE, pool__isnull=False)
    for row in active.select_related("pool__domain").order_by("id"):
        assert row.pool is not None
        helo = row.helo or row.pool.domain.helo
        try:
            Source(row.address, helo)
        except ValueError as error:
            log.error("%s is out of rotation: %s", row.address, error)  # noqa: TRY400 - a setting
            continue
        ips.setdefault(row.pool.pk, []).append(Ip(row.pk, row.address, helo, row.weight))
    return {
        pool.pk: PoolFacts(
            id=pool.pk,
            role=PoolRole(pool.role),
            is_active=pool.state == PoolState.ACTIVE,
            can_tls=pool.can_tls,
            can_attachments=pool.carries_attachments,
            ips=tuple(ips.get(pool.pk, ())),
        )
        for pool in Pool.objects.order_by("id")
    }


def _ladders() -> dict[int, list[int]]:
    ladders: dict[int, list[int]] = {}
    for rung in PoolFallback.objects.order_by("pool_id", "rank"):
        ladders.setdefault(rung.pool_id, []).append(rung.fallback_id)
    return ladders
