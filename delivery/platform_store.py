"""The platform in the database as a platform file sees it, and a plan carried out by the verbs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from django.db import transaction

from customers import audit, customers, people
from customers.models import Customer, OperatorRole, Person, Role
from delivery import pools
from delivery.models import (
    DkimKey,
    DkimKind,
    IpSegment,
    IpState,
    Pool,
    PoolRole,
    Relay,
    RelayTls,
    SendingDomain,
    SendingIp,
    TlsMinimum,
    TlsUse,
)
from delivery.platform_checks import problems
from delivery.platform_file import NO_ROLE, Entry, PlatformRefused, load
from delivery.platform_plan import Thing, plan
from wire import dkim

WHY = "platform file"


def stored() -> list[Entry]:
    """Everything there is, with passwords: for comparing, not for showing."""
    return [*_domains(), *_relays(), *_pools(), *_ips(), *_customers(), *_people()]


def prepare(path: Path, *, variables: Mapping[str, str]) -> list[Thing]:
    """What applying the file would do. PlatformRefused names everything that is wrong with it."""
    file = load(path, variables=variables)
    things = plan(file, stored())
    if found := problems(file, things):
        raise PlatformRefused(found)
    return things


def _domains() -> list[Entry]:
    entries = [
        Entry("domain", row.name, {"helo": row.helo, "envelope_domain": row.envelope_domain})
        for row in SendingDomain.objects.order_by("id")
    ]
    for key in DkimKey.objects.select_related("domain").order_by("id"):
        values = {
            "kind": key.kind,
            "domain_name": key.domain.name,
            "selector": key.selector,
            "record": dkim.dns_record(key.private_key),
            "pem": "",
        }
        entries.append(Entry("dkim", str(key), values))
    return entries


def _relays() -> list[Entry]:
    keys = ("host", "port", "tls", "username", "password")
    segments = [
        Entry("segment", row.name, {"network": row.network})
        for row in IpSegment.objects.order_by("id")
    ]
    relays = Relay.objects.order_by("id")
    return segments + [Entry("relay", r.name, {k: getattr(r, k) for k in keys}) for r in relays]


def _pools() -> list[Entry]:
    rows = Pool.objects.select_related("domain", "relay").prefetch_related("ladder__fallback")
    return [
        Entry("pool", row.name, {
            "role": row.role,
            "domain": row.domain.name,
            "tls": row.tls,
            "tls_minimum": row.tls_minimum,
            "carries_attachments": row.carries_attachments,
            "relay": row.relay.name if row.relay else "",
            "ladder": tuple(
                rung.fallback.name for rung in sorted(row.ladder.all(), key=lambda rung: rung.rank)
            ),
        })
        for row in rows.order_by("id")
    ]  # fmt: skip


def _ips() -> list[Entry]:
    return [
        Entry("ip", row.address, {
            "helo": row.helo,
            "segment": row.segment.name,
            "pool": row.pool.name if row.pool else "",
            "weight": row.weight,
            "state": row.state,
        })
        for row in SendingIp.objects.select_related("segment", "pool").order_by("id")
    ]  # fmt: skip


def _customers() -> list[Entry]:
    homes = dict(Customer.objects.values_list("slug", "assignment__pool__name"))
    return [
        Entry("customer", row.slug, {"name": row.name, "pool": homes[row.slug] or ""})
        for row in Customer.objects.order_by("id")
    ]


def _people() -> list[Entry]:
    return [
        Entry("person", row.email, {
            "name": row.name,
            "language": row.language,
            "operator": row.operator_role or NO_ROLE,
            "customers": {seat.customer.slug: seat.role for seat in row.memberships.all()},
        })
        for row in Person.objects.order_by("id").prefetch_related("memberships__customer")
    ]  # fmt: skip


@transaction.atomic
def carry_out(*, things: Sequence[Thing], by: audit.Actor, now: datetime) -> dict[str, str]:
    """Make every change of the plan, all or none; e-mail -> first password of each new person.

    The plan has passed `platform_checks.problems`. `people.PersonRefused` for the last
    administrator's role.
    """
    work = _Work(by, now)
    of = _by_table(things)
    for table in ("domain", "dkim", "segment", "relay"):
        for thing in of.get(table, ()):
            getattr(work, table)(thing)
    work.pools(of.get("pool", ()))
    for table in ("ip", "customer", "person"):
        for thing in of.get(table, ()):
            getattr(work, table)(thing)
    return work.passwords


def _by_table(things: Iterable[Thing]) -> Mapping[str, list[Thing]]:
    found: dict[str, list[Thing]] = {}
    for thing in things:
        if thing.differs:
            found.setdefault(thing.table, []).append(thing)
    return found


class _Work:
    """One change after the other, each by its verb."""

    def __init__(self, by: audit.Actor, now: datetime) -> None:
        self.by = by
        self.now = now
        self.passwords: dict[str, str] = {}

    def domain(self, thing: Thing) -> None:
        pools.set_domain(
            name=thing.name, helo=thing.after["helo"],
            envelope_domain=thing.after["envelope_domain"], by=self.by, now=self.now,
        )  # fmt: skip

    def dkim(self, thing: Thing) -> None:
        pools.add_dkim_key(
            domain=SendingDomain.objects.get(name=thing.after["domain_name"]),
            selector=thing.after["selector"],
            kind=DkimKind(thing.after["kind"]),
            private_key=thing.after["pem"],
            by=self.by,
            now=self.now,
        )

    def segment(self, thing: Thing) -> None:
        pools.set_segment(name=thing.name, network=thing.after["network"], by=self.by, now=self.now)

    def relay(self, thing: Thing) -> None:
        values = {**thing.after, "tls": RelayTls(thing.after["tls"])}
        pools.set_relay(name=thing.name, **values, by=self.by, now=self.now)

    def pools(self, things: Sequence[Thing]) -> None:
        """Pools that become quarantine pools come last: they are on nobody's ladder by then."""
        turning = [thing for thing in things if _becomes_quarantine(thing)]
        for thing in things:
            if thing not in turning:
                self._pool(thing)
        for thing in things:
            if "ladder" in thing.changed and (thing.before or thing.after["ladder"]):
                self._ladder(thing)
        for thing in turning:
            self._pool(thing)

    def _pool(self, thing: Thing) -> None:
        values = thing.after
        pools.set_pool(
            name=thing.name,
            role=PoolRole(values["role"]),
            domain=SendingDomain.objects.get(name=values["domain"]),
            tls=TlsUse(values["tls"]),
            tls_minimum=TlsMinimum(values["tls_minimum"]),
            carries_attachments=values["carries_attachments"],
            relay=Relay.objects.filter(name=values["relay"]).first(),
            by=self.by,
            now=self.now,
        )

    def _ladder(self, thing: Thing) -> None:
        fallbacks = [Pool.objects.get(name=name) for name in thing.after["ladder"]]
        pools.set_ladder(
            pool=Pool.objects.get(name=thing.name), fallbacks=fallbacks, by=self.by, now=self.now
        )

    def ip(self, thing: Thing) -> None:
        values = thing.after
        ip = pools.set_ip(
            address=thing.name,
            helo=values["helo"],
            segment=IpSegment.objects.get(name=values["segment"]),
            pool=Pool.objects.filter(name=values["pool"]).first(),
            weight=values["weight"],
            by=self.by,
            now=self.now,
        )
        if ip.state != values["state"]:
            pools.set_ip_state(
                ip=ip, to=IpState(values["state"]), why=WHY, by=self.by, now=self.now
            )

    def customer(self, thing: Thing) -> None:
        values = thing.after
        customer = Customer.objects.filter(slug=thing.name).first() or customers.add(
            slug=thing.name, name=values["name"], by=self.by, now=self.now
        )
        customers.rename(customer=customer, to=values["name"], by=self.by, now=self.now)
        if values["pool"] and "pool" in thing.changed:
            pools.assign(
                customer=customer, pool=Pool.objects.get(name=values["pool"]), by=self.by,
                now=self.now,
            )  # fmt: skip

    def person(self, thing: Thing) -> None:
        values = thing.after
        person = Person.objects.filter(email__iexact=thing.name).first() or self._newcomer(thing)
        people.describe(
            person=person, name=values["name"], language=values["language"], by=self.by,
            now=self.now,
        )  # fmt: skip
        role = OperatorRole.NONE if values["operator"] == NO_ROLE else values["operator"]
        people.set_operator_role(person=person, to=OperatorRole(role), by=self.by, now=self.now)
        for slug, seat in values["customers"].items():
            people.set_membership(
                person=person, customer=Customer.objects.get(slug=slug), role=Role(seat),
                by=self.by, now=self.now,
            )  # fmt: skip

    def _newcomer(self, thing: Thing) -> Person:
        password = self.passwords[thing.name] = people.first_password()
        values = thing.after
        return people.add(
            email=thing.name, password=password, name=values["name"], language=values["language"],
            by=self.by, now=self.now,
        )  # fmt: skip


def _becomes_quarantine(thing: Thing) -> bool:
    is_old = thing.before is not None and "role" in thing.changed
    return is_old and bool(thing.after["role"] == PoolRole.QUARANTINE)
