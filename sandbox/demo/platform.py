"""The demo's platform: pools on 127/8, three customers, people who can sign in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from compliance import standings
from compliance.models import StandingState
from customers.models import Customer, Membership, OperatorRole, Person, Role
from delivery import live, pools
from delivery.models import (
    Destination,
    DkimKey,
    DkimKind,
    IpSegment,
    Pool,
    PoolRole,
    SendingDomain,
    SendingIp,
)

BY = "demo"
OPERATOR = "operator@hatobin.example"


@dataclass(frozen=True, slots=True)
class PoolPlan:
    name: str
    role: PoolRole
    domain: str
    network: str  # the first three octets; IPs are .1, .2, ...
    ips: int


POOLS = (
    PoolPlan("A", PoolRole.NORMAL, "mail-a.example", "127.0.10", 5),
    PoolPlan("B", PoolRole.NORMAL, "mail-b.example", "127.0.11", 5),
    PoolPlan("Fallback", PoolRole.FALLBACK, "mail-f.example", "127.0.12", 4),
    PoolPlan("Quarantine", PoolRole.QUARANTINE, "mail-q.example", "127.0.13", 4),
)
CUSTOMERS = (
    ("asagao", "あさがお商店", "A"),
    ("botan", "ぼたん旅行", "B"),
    ("chidori", "ちどり通販", "A"),
)
# The sandbox's domains beside the real ones they imitate. Not that of Yahoo! JAPAN: at the 10
# messages a second that it bears, the demo would take minutes.
GROUPS = {
    "docomo": "docomo-like.example",
    "au": "au-like.example",
    "softbank": "softbank-like.example",
    "google": "gmail-like.example",
}


def build(*, now: datetime, password: str) -> dict[str, Customer]:
    """Make what is not there yet; slug -> customer. A second run changes nothing."""
    made = {plan.name: _pool(plan, now) for plan in POOLS}
    for name in ("A", "B"):
        if not made[name].ladder.exists():
            pools.set_ladder(pool=made[name], fallbacks=[made["Fallback"]], by=BY, now=now)
    for slug, domain in GROUPS.items():
        _add_domain(slug, domain)
    customers = {slug: _customer(slug, name, made[pool], now) for slug, name, pool in CUSTOMERS}
    if standings.of(customers["chidori"]).pk is None:
        standings.move(
            customer=customers["chidori"], to=StandingState.QUARANTINED,
            why="宛先不明率が高いため（デモ）", by=BY, now=now,
        )  # fmt: skip
        live.announce()
    _people(list(customers.values()), password)
    return customers


def _pool(plan: PoolPlan, now: datetime) -> Pool:
    domain, _ = SendingDomain.objects.get_or_create(
        name=plan.domain,
        defaults={"helo": f"mx.{plan.domain}", "envelope_domain": f"bounce.{plan.domain}"},
    )
    for kind, selector in ((DkimKind.RSA, "h1"), (DkimKind.ED25519, "h2")):
        if not DkimKey.objects.filter(domain=domain, selector=selector).exists():
            pools.add_dkim_key(domain=domain, selector=selector, kind=kind, by=BY, now=now)
    pool, _ = Pool.objects.get_or_create(
        name=plan.name, defaults={"role": plan.role, "domain": domain}
    )
    segment, _ = IpSegment.objects.get_or_create(
        network=f"{plan.network}.0/24", defaults={"name": f"Segment {plan.name}"}
    )
    for number in range(1, plan.ips + 1):
        SendingIp.objects.get_or_create(
            address=f"{plan.network}.{number}",
            defaults={"segment": segment, "pool": pool, "helo": f"out{number}.{plan.domain}"},
        )
    return pool


def _add_domain(slug: str, domain: str) -> None:
    group = Destination.objects.get(slug=slug)
    if domain not in group.domains:
        group.domains.append(domain)
        group.save(update_fields=["domains"])


def _customer(slug: str, name: str, pool: Pool, now: datetime) -> Customer:
    customer, created = Customer.objects.get_or_create(slug=slug, defaults={"name": name})
    if created:
        pools.assign(customer=customer, pool=pool, by=BY, now=now)
    return customer


def _people(customers: Sequence[Customer], password: str) -> None:
    if not Person.objects.filter(email=OPERATOR).exists():
        Person.objects.create_user(
            OPERATOR, password, name="運用 花子", operator_role=OperatorRole.ADMIN
        )
    for customer in customers:
        email = f"owner@{customer.slug}.example"
        if not Person.objects.filter(email=email).exists():
            person = Person.objects.create_user(email, password, name=f"{customer.name} 担当")
            Membership.objects.create(customer=customer, person=person, role=Role.OWNER)
