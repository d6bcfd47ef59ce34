"""Changing domains, pools, IPs, ladders and assignments. Every change is audited and announced."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import models, transaction

from customers import audit
from customers.models import Customer
from delivery import announcements
from delivery.models import (
    Assignment,
    DkimKey,
    DkimKind,
    IpSegment,
    IpState,
    Pool,
    PoolFallback,
    PoolRole,
    PoolState,
    Relay,
    RelayTls,
    SendingDomain,
    SendingIp,
    TlsMinimum,
    TlsUse,
)
from wire import dkim
from wire.letters import Source

M = TypeVar("M", bound=models.Model)
_SECRETS = frozenset({"password"})  # the audit log says that they changed, not how


class LadderRefused(ValueError):
    """A ladder on which a pool must not stand; the sentence says which and why."""


class RelayRefused(ValueError):
    """A relay to which a password would go in the clear."""


def set_domain(
    *, name: str, helo: str, envelope_domain: str, by: audit.Actor, now: datetime
) -> SendingDomain:
    """Add a sending domain or change it. ValueError for a HELO name that is no host name."""
    Source("", helo)
    values = {"helo": helo, "envelope_domain": envelope_domain}
    return _put(SendingDomain, "domain", {"name": name}, values, by=by, now=now)


def set_segment(*, name: str, network: str, by: audit.Actor, now: datetime) -> IpSegment:
    """Add an IP segment or change its network (CIDR)."""
    return _put(IpSegment, "segment", {"name": name}, {"network": network}, by=by, now=now)


def set_relay(
    *,
    name: str,
    host: str,
    port: int,
    tls: RelayTls,
    username: str,
    password: str,
    by: audit.Actor,
    now: datetime,
) -> Relay:
    """Add a relay or change it. RelayRefused: it would be given a password in the clear."""
    if username and tls == RelayTls.NONE:
        raise RelayRefused(
            f"Relay {name} has a username and no TLS: its password would go in the clear. "
            "Use starttls or implicit, or no username."
        )
    values = {"host": host, "port": port, "tls": tls, "username": username, "password": password}
    return _put(Relay, "relay", {"name": name}, values, by=by, now=now)


def set_pool(
    *,
    name: str,
    role: PoolRole,
    domain: SendingDomain,
    tls: TlsUse,
    tls_minimum: TlsMinimum,
    carries_attachments: bool,
    relay: Relay | None,
    by: audit.Actor,
    now: datetime,
) -> Pool:
    """Add a pool or change it. LadderRefused: a quarantine pool would stand on a ladder."""
    values = {
        "role": role,
        "domain": domain,
        "tls": tls,
        "tls_minimum": tls_minimum,
        "carries_attachments": carries_attachments,
        "relay": relay,
    }
    with transaction.atomic():
        pool = _put(Pool, "pool", {"name": name}, values, by=by, now=now)
        above = PoolFallback.objects.filter(fallback=pool).values_list("pool__name", flat=True)
        if role == PoolRole.QUARANTINE and (names := ", ".join(above)):
            raise LadderRefused(
                f"Pool {name} stands on the ladder of {names}: take it off before it becomes a "
                "quarantine pool."
            )
    return pool


def set_ip(
    *,
    address: str,
    helo: str,
    segment: IpSegment,
    pool: Pool | None,
    weight: int,
    by: audit.Actor,
    now: datetime,
) -> SendingIp:
    """Add a sending IP or change it; a new one is active. ValueError: bad address or HELO name.

    `helo` is "" for that of the pool's domain.
    """
    Source(address, helo or "unnamed")
    values = {"helo": helo, "segment": segment, "pool": pool, "weight": weight}
    return _put(SendingIp, "ip", {"address": address}, values, by=by, now=now)


def add_dkim_key(
    *,
    domain: SendingDomain,
    selector: str,
    kind: DkimKind,
    by: audit.Actor,
    now: datetime,
    private_key: str = "",
) -> DkimKey:
    """Give a sending domain a key: the PEM given, or a new one; encrypted at rest.

    `wire.dkim.DkimError`: a selector or a key that cannot sign.
    """
    pem = private_key or _private_key(kind)
    dkim.Signer.from_pem(domain=domain.name, selector=selector, pem=pem)
    with transaction.atomic():
        key = DkimKey.objects.create(domain=domain, selector=selector, kind=kind, private_key=pem)
        _audit("dkim.add", f"domain:{domain.pk}", by, now, after=f"{selector} {kind}"[:60])
        announcements.make()
    return key


def _private_key(kind: DkimKind) -> str:
    return dkim.generate("rsa-2048" if kind == DkimKind.RSA else "ed25519")


def set_state(*, pool: Pool, to: PoolState, why: str, by: audit.Actor, now: datetime) -> bool:
    """Freeze or reopen a pool. False when it was so already."""
    with transaction.atomic():
        moved = Pool.objects.filter(pk=pool.pk).exclude(state=to).update(state=to)
        if moved:
            _audit("pool.state", f"pool:{pool.pk}", by, now, after=to, why=why)
            announcements.make()
    return bool(moved)


def set_ip_state(*, ip: SendingIp, to: IpState, why: str, by: audit.Actor, now: datetime) -> bool:
    """Take an IP out of rotation or bring it back. False when it was so already."""
    with transaction.atomic():
        moved = SendingIp.objects.filter(pk=ip.pk).exclude(state=to).update(state=to)
        if moved:
            _audit("ip.state", f"ip:{ip.pk}", by, now, before=ip.state, after=to, why=why)
            announcements.make()
    return bool(moved)


def set_ladder(*, pool: Pool, fallbacks: Sequence[Pool], by: audit.Actor, now: datetime) -> None:
    """Replace a pool's ladder; the first is asked first.

    LadderRefused: the pool itself, a quarantine pool, or one pool twice.
    """
    with transaction.atomic():
        _check_ladder(pool, fallbacks)
        PoolFallback.objects.filter(pool=pool).delete()
        PoolFallback.objects.bulk_create(
            PoolFallback(pool=pool, fallback=fallback, rank=rank)
            for rank, fallback in enumerate(fallbacks, start=1)
        )
        names = " > ".join(fallback.name for fallback in fallbacks)
        _audit("pool.ladder", f"pool:{pool.pk}", by, now, why=names)
        announcements.make()


def _check_ladder(pool: Pool, fallbacks: Sequence[Pool]) -> None:
    """By the roles as stored, and held until the end: none becomes a quarantine pool meanwhile."""
    stored = Pool.objects.select_for_update().in_bulk([fallback.pk for fallback in fallbacks])
    if pool.pk in stored:
        raise LadderRefused(f"Pool {pool.name} cannot be its own fallback.")
    if len(stored) < len(fallbacks):
        raise LadderRefused(f"The ladder of pool {pool.name} names one pool twice.")
    for fallback in stored.values():
        if fallback.role == PoolRole.QUARANTINE:
            raise LadderRefused(
                f"Pool {fallback.name} is a quarantine pool and cannot stand on the ladder of "
                f"{pool.name}: clean mail never goes through it."
            )


def assign(*, customer: Customer, pool: Pool, by: audit.Actor, now: datetime) -> Assignment:
    """Give a customer its home pool. Mail in the queue follows at the next claim."""
    with transaction.atomic():
        assignment, _created = Assignment.objects.update_or_create(
            customer=customer, defaults={"pool": pool}
        )
        _audit(
            "customer.assign",
            f"customer:{customer.pk}",
            by,
            now,
            after=pool.name,
            customer_id=customer.pk,
        )
        announcements.make()
    return assignment


def _audit(verb: str, subject: str, by: audit.Actor, now: datetime, **more: object) -> None:
    audit.record(verb=verb, subject=subject, by=by, now=now, **more)  # type: ignore[arg-type]


def _put(
    model: type[M],
    kind: str,
    key: Mapping[str, str],
    values: Mapping[str, Any],
    *,
    by: audit.Actor,
    now: datetime,
) -> M:
    """The row with that key, added, or changed where it differs."""
    with transaction.atomic():
        rows = model._default_manager  # noqa: SLF001 - Django's public name for "the" manager
        found = rows.select_for_update().filter(**key).first()
        if found is None:
            row = rows.create(**key, **values)
            _audit(f"{kind}.add", f"{kind}:{row.pk}", by, now, evidence=_shown({**key, **values}))
            announcements.make()
            return row
        before = {name: getattr(found, name) for name in values}
        changed = {name: new for name, new in values.items() if before[name] != new}
        for name, new in changed.items():
            setattr(found, name, new)
        if changed:
            found.save(update_fields=[*changed])
            was = _shown({name: before[name] for name in changed})
            evidence = {"before": was, "after": _shown(changed)}
            _audit(f"{kind}.change", f"{kind}:{found.pk}", by, now, evidence=evidence)
            announcements.make()
    return found


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the audit log keeps them."""
    plain = (bool, int, type(None))
    return {
        name: "(not shown)" if name in _SECRETS and value
        else value if isinstance(value, plain) else str(value)
        for name, value in values.items()
    }  # fmt: skip
