"""API keys: making, judging and revoking them."""

import hashlib
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from ipaddress import ip_address, ip_network
from typing import Final

from django.db import transaction
from django.db.models import Q

from customers import audit
from customers.models import ApiKey, Customer, Person, Role, Scope
from customers.models.key import MARK

_LETTERS: Final = string.ascii_letters + string.digits
_PREFIX_LETTERS: Final = string.ascii_lowercase + string.digits
PREFIX_LENGTH: Final = 10
SECRET_LENGTH: Final = 40  # of 62 letters: 238 bits
USE_KEPT: Final = timedelta(minutes=1)  # a busy key must not write its row with each request


class Refusal(Enum):
    """Why a key is not taken."""

    UNKNOWN = "key-unknown"
    REVOKED = "key-revoked"
    EXPIRED = "key-expired"
    ADDRESS = "key-address"  # not from here


class NotAllowed(ValueError):
    """Somebody who may not make or revoke keys there tried to."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new key. `text` is the only copy of the secret: it is shown once and never stored."""

    key: ApiKey
    text: str


def may_manage(person: Person, customer: Customer | None) -> bool:
    """Owners make and revoke the keys of their customer, administrators all keys."""
    if person.can_administer:
        return True
    own = customer is not None and customer.memberships.filter(person=person, role=Role.OWNER)
    return bool(own and own.exists())


@transaction.atomic
def make(
    *,
    customer: Customer | None,
    name: str,
    scopes: Sequence[Scope],
    ip_ranges: Sequence[str] = (),
    requests_per_minute: int | None = None,
    expires_at: datetime | None = None,
    by: Person,
    now: datetime,
) -> Made:
    """A key of a customer, or (None) of the operators.

    Raises NotAllowed, and ValueError for a range that is no network in CIDR form.
    """
    _require(by, customer)
    prefix, secret = _random(_PREFIX_LETTERS, PREFIX_LENGTH), _random(_LETTERS, SECRET_LENGTH)
    key = ApiKey.objects.create(
        customer=customer,
        name=name,
        prefix=prefix,
        secret_hash=_hash(secret),
        scopes=sorted(scopes),
        ip_ranges=[network(text) for text in ip_ranges],
        requests_per_minute=requests_per_minute,
        expires_at=expires_at,
        created_by=by,
        created_at=now,
    )
    _audit("key.make", key, by, now, after=",".join(key.scopes)[:60])
    return Made(key, f"{MARK}_{prefix}_{secret}")


@transaction.atomic
def revoke(*, key: ApiKey, by: Person, now: datetime) -> bool:
    """End a key at once, for good. False when it had ended. Raises NotAllowed."""
    _require(by, key.customer)
    found = ApiKey.objects.filter(pk=key.pk, revoked_at=None)
    if not found.update(revoked_at=now, revoked_by=by):
        return False
    _audit("key.revoke", key, by, now, before=key.state(now), after="revoked")
    return True


def find(text: str) -> ApiKey | None:
    """The key whose secret this is, whatever its state; None for any other text."""
    rest = text.removeprefix(f"{MARK}_")
    prefix, _, secret = rest.partition("_")
    if rest == text or len(prefix) != PREFIX_LENGTH or len(secret) != SECRET_LENGTH:
        return None
    if not text.isascii() or "\x00" in text:
        return None
    key = ApiKey.objects.select_related("customer").filter(prefix=prefix).first()
    if key is None or not secrets.compare_digest(key.secret_hash, _hash(secret)):
        return None
    return key


def objection(key: ApiKey | None, *, address: str, now: datetime) -> Refusal | None:
    """Why a key is not taken from this IP address ("": unknown) now. Pure."""
    if key is None:
        return Refusal.UNKNOWN
    state = key.state(now)
    if state != "active":
        return Refusal.REVOKED if state == "revoked" else Refusal.EXPIRED
    return None if is_from(key.ip_ranges, address) else Refusal.ADDRESS


def is_from(ranges: Sequence[str], address: str) -> bool:
    """Whether an IP address lies in one of the ranges; all do when there are none. Pure."""
    if not ranges:
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)  # what a socket for both versions shows
    return any((mapped or found) in ip_network(text) for text in ranges)


def note_use(*, key: ApiKey, address: str, now: datetime) -> None:
    """Remember when and from where a key was used last, at most once a minute."""
    before = now - USE_KEPT
    if key.last_used_at is not None and key.last_used_at > before:
        return
    due = Q(last_used_at=None) | Q(last_used_at__lte=before)
    ApiKey.objects.filter(due, pk=key.pk).update(
        last_used_at=now, last_used_from=address if _is_address(address) else None
    )


def network(text: str) -> str:
    """A range in CIDR form; one address is a range too. Raises ValueError."""
    return str(ip_network(text.strip(), strict=False))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # the zone of a link-local address means nothing to others


def _require(by: Person, customer: Customer | None) -> None:
    if not may_manage(by, customer):
        whose = f"customer {customer.pk}" if customer else "the operators"
        raise NotAllowed(f"{by.email} may not manage keys of {whose}: ask an owner for it.")


def _random(letters: str, length: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _audit(
    verb: str, key: ApiKey, by: Person, now: datetime, *, before: str = "", after: str = ""
) -> None:
    audit.record(
        verb=verb,
        subject=f"key:{key.pk}",
        customer_id=key.customer_id,
        by=by,
        now=now,
        before=before,
        after=after,
        evidence={"key": key.shown, "name": key.name},
    )
