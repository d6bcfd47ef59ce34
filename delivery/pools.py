"""Changing pools, IPs, ladders and assignments. Every change is audited and announced."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from customers import audit
from customers.models import Customer
from delivery import live
from delivery.models import (
    Assignment,
    DkimKey,
    DkimKind,
    IpState,
    Pool,
    PoolFallback,
    PoolState,
    SendingDomain,
    SendingIp,
)
from wire import dkim


def add_dkim_key(
    *, domain: SendingDomain, selector: str, kind: DkimKind, by: audit.Actor, now: datetime
) -> DkimKey:
    """Make a key pair for a sending domain; the private half is encrypted at rest."""
    with transaction.atomic():
        key = DkimKey.objects.create(
            domain=domain, selector=selector, kind=kind, private_key=_private_key(kind)
        )
        _audit("dkim.add", f"domain:{domain.pk}", by, now, after=f"{selector} {kind}")
    return key


def _private_key(kind: DkimKind) -> str:
    return dkim.generate("rsa-2048" if kind == DkimKind.RSA else "ed25519")


def set_state(*, pool: Pool, to: PoolState, why: str, by: audit.Actor, now: datetime) -> bool:
    """Freeze or reopen a pool. False when it was so already."""
    with transaction.atomic():
        moved = Pool.objects.filter(pk=pool.pk).exclude(state=to).update(state=to)
        if moved:
            _audit("pool.state", f"pool:{pool.pk}", by, now, after=to, why=why)
            transaction.on_commit(live.announce)
    return bool(moved)


def set_ip_state(*, ip: SendingIp, to: IpState, why: str, by: audit.Actor, now: datetime) -> bool:
    """Take an IP out of rotation or bring it back. False when it was so already."""
    with transaction.atomic():
        moved = SendingIp.objects.filter(pk=ip.pk).exclude(state=to).update(state=to)
        if moved:
            _audit("ip.state", f"ip:{ip.pk}", by, now, before=ip.state, after=to, why=why)
            transaction.on_commit(live.announce)
    return bool(moved)


def set_ladder(*, pool: Pool, fallbacks: Sequence[Pool], by: audit.Actor, now: datetime) -> None:
    """Replace a pool's ladder; the first is asked first."""
    with transaction.atomic():
        PoolFallback.objects.filter(pool=pool).delete()
        PoolFallback.objects.bulk_create(
            PoolFallback(pool=pool, fallback=fallback, rank=rank)
            for rank, fallback in enumerate(fallbacks, start=1)
        )
        names = " > ".join(fallback.name for fallback in fallbacks)
        _audit("pool.ladder", f"pool:{pool.pk}", by, now, why=names)
        transaction.on_commit(live.announce)


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
        transaction.on_commit(live.announce)
    return assignment


def _audit(verb: str, subject: str, by: audit.Actor, now: datetime, **more: object) -> None:
    audit.record(verb=verb, subject=subject, by=by, now=now, **more)  # type: ignore[arg-type]
