"""Which pool carries whose mail: the table is pure, so no database is needed."""

from compliance.models import StandingState
from delivery.models import PoolRole
from delivery.routing import Hold, HoldReason, Ip, Needs, PoolFacts, Table

IPS = (Ip(1, "127.0.10.1", "out1.example", 10),)
HOME, FALLBACK, PLAIN, QUARANTINE = 1, 2, 3, 4


def pool(number: int, role: PoolRole = PoolRole.NORMAL, **facts: object) -> PoolFacts:
    values: dict[str, object] = {
        "is_active": True, "can_tls": True, "can_attachments": True, "ips": IPS
    } | facts  # fmt: skip
    return PoolFacts(number, role, **values)  # type: ignore[arg-type]


def table(*pools: PoolFacts, standing: StandingState | None = None) -> Table:
    return Table(
        pools={one.id: one for one in pools},
        homes={7: HOME},
        ladders={HOME: [PLAIN, FALLBACK]},
        standings={7: standing} if standing else {},
    )


PLAIN_FALLBACK = pool(PLAIN, PoolRole.FALLBACK, can_tls=False, can_attachments=False)
FULL_FALLBACK = pool(FALLBACK, PoolRole.FALLBACK)


def test_a_clean_home_pool_carries_the_mail() -> None:
    route = table(pool(HOME), PLAIN_FALLBACK, FULL_FALLBACK).route(7, Needs())
    assert isinstance(route, PoolFacts)
    assert route.id == HOME


def test_a_frozen_home_hands_over_to_the_first_rung() -> None:
    frozen = pool(HOME, is_active=False)
    route = table(frozen, PLAIN_FALLBACK, FULL_FALLBACK).route(7, Needs())
    assert isinstance(route, PoolFacts)
    assert route.id == PLAIN


def test_mail_that_needs_tls_skips_a_rung_without_it() -> None:
    frozen = pool(HOME, is_active=False)
    for needs in (Needs(tls=True), Needs(attachments=True)):
        route = table(frozen, PLAIN_FALLBACK, FULL_FALLBACK).route(7, needs)
        assert isinstance(route, PoolFacts)
        assert route.id == FALLBACK


def test_mail_that_no_clean_pool_can_carry_is_held_not_degraded() -> None:
    frozen = pool(HOME, is_active=False)
    down = pool(FALLBACK, PoolRole.FALLBACK, ips=())
    assert table(frozen, PLAIN_FALLBACK, down).route(7, Needs(tls=True)) == Hold(
        HoldReason.NO_CAPABLE_POOL
    )


def test_mail_is_held_when_no_pool_is_clean() -> None:
    frozen = pool(HOME, is_active=False)
    without = [pool(PLAIN, ips=()), pool(FALLBACK, is_active=False)]
    assert table(frozen, *without).route(7, Needs()) == Hold(HoldReason.NO_CLEAN_POOL)


def test_a_quarantined_customer_sends_through_quarantine_only() -> None:
    pools = [pool(HOME), PLAIN_FALLBACK, FULL_FALLBACK, pool(QUARANTINE, PoolRole.QUARANTINE)]
    route = table(*pools, standing=StandingState.QUARANTINED).route(7, Needs())
    assert isinstance(route, PoolFacts)
    assert route.id == QUARANTINE


def test_a_quarantined_customer_never_falls_back_to_a_normal_pool() -> None:
    pools = [pool(HOME), PLAIN_FALLBACK, FULL_FALLBACK]
    held = table(*pools, standing=StandingState.QUARANTINED).route(7, Needs())
    assert held == Hold(HoldReason.NO_QUARANTINE)


def test_a_suspended_customer_and_one_without_a_pool_wait() -> None:
    pools = [pool(HOME), PLAIN_FALLBACK, FULL_FALLBACK]
    suspended = table(*pools, standing=StandingState.SUSPENDED)
    assert suspended.route(7, Needs()) == Hold(HoldReason.SUSPENDED)
    assert table(*pools).route(8, Needs()) == Hold(HoldReason.UNASSIGNED)
