"""Short signed tokens: bounce addresses that name a delivery, and links that nobody can make up."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

# Of each sort of address: what begins its local part, and the purpose of its signature.
_BOUNCE: Final = ("b-", "bounce-address")
_UNSUBSCRIBE: Final = ("u-", "unsubscribe-address")
_MAC: Final = 10  # octets: 80 bits; together with the number 29 letters of base32
_LINK_MAC: Final = 16  # octets: 128 bits
_ID: Final = 8  # octets
_MIN_KEY: Final = 16  # octets; shorter keys are a mistake in the settings, not a choice


def bounce_address(*, delivery_id: int, domain: str, key: bytes) -> str:
    """The envelope sender of one delivery: `b-<token>@domain`, 31 characters before the @ sign.

    The token is base32 in lower case, because receivers may change the case of a local part.
    `delivery_id` is 1 to 2**63 - 1, otherwise `ValueError`.
    """
    return _address(_BOUNCE, delivery_id, domain, key)


def read_bounce_address(address: str, *, key: bytes) -> int | None:
    """The delivery named by a bounce address; None if it is not ours or was tampered with."""
    return _delivery_in(_BOUNCE, address, key)


def unsubscribe_address(*, delivery_id: int, domain: str, key: bytes) -> str:
    """Where a mail to it ends the mail to one delivery's recipient: `u-<token>@domain`.

    In all else like `bounce_address`; neither can be made of the other.
    """
    return _address(_UNSUBSCRIBE, delivery_id, domain, key)


def read_unsubscribe_address(address: str, *, key: bytes) -> int | None:
    """The delivery whose recipient may leave by it; None if it is not ours or tampered with."""
    return _delivery_in(_UNSUBSCRIBE, address, key)


def mark(number: int, *, purpose: str, key: bytes) -> str:
    """What only the holder of `key` can write beside a number: 16 letters of base32, 80 bits."""
    mac = _mac(number.to_bytes(_ID, "big"), purpose, key)[:_MAC]
    return base64.b32encode(mac).decode("ascii").lower()


def is_marked(number: int, given: str, *, purpose: str, key: bytes) -> bool:
    """Whether `given` is the mark of `number` (0 to 2**64 - 1) for that purpose."""
    expected = mark(number, purpose=purpose, key=key)
    return hmac.compare_digest(given.lower().encode("utf-8", "replace"), expected.encode())


def sign(payload: bytes, *, purpose: str, key: bytes) -> str:
    """A base64url token that carries `payload` in the open, signed for one `purpose`."""
    signature = _mac(payload, purpose, key)[:_LINK_MAC]
    return base64.urlsafe_b64encode(signature + payload).rstrip(b"=").decode("ascii")


def verify(token: str, *, purpose: str, key: bytes) -> bytes | None:
    """The payload of a token; None if it was not signed with this key for this purpose."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    payload = raw[_LINK_MAC:]
    expected = sign(payload, purpose=purpose, key=key)
    return payload if hmac.compare_digest(token.encode(), expected.encode()) else None


def _address(sort: tuple[str, str], delivery_id: int, domain: str, key: bytes) -> str:
    if not 0 < delivery_id < 2**63:
        raise ValueError(f"A delivery id is a positive 64-bit number, not {delivery_id}.")
    return f"{_local(sort, delivery_id.to_bytes(_ID, 'big'), key)}@{domain}"


def _delivery_in(sort: tuple[str, str], address: str, key: bytes) -> int | None:
    local = address.rpartition("@")[0].lower()
    number = _number(sort, local)
    if number is None:
        return None
    # The whole local part is made again and compared, so each delivery has exactly one address.
    if not hmac.compare_digest(local.encode(), _local(sort, number, key).encode()):
        return None
    return int.from_bytes(number, "big") or None


def _local(sort: tuple[str, str], number: bytes, key: bytes) -> str:
    prefix, purpose = sort
    signature = _mac(number, purpose, key)[:_MAC]
    token = base64.b32encode(number + signature).rstrip(b"=").decode("ascii")
    return prefix + token.lower()


def _number(sort: tuple[str, str], local: str) -> bytes | None:
    token = local.removeprefix(sort[0])
    try:
        raw = base64.b32decode(token + "=" * (-len(token) % 8), casefold=True)
    except (binascii.Error, ValueError):
        return None
    return raw[:_ID] if len(raw) == _ID + _MAC else None


def _mac(payload: bytes, purpose: str, key: bytes) -> bytes:
    """HMAC-SHA256 under a key of its own for each purpose, so no token serves two."""
    if len(key) < _MIN_KEY:
        raise ValueError(f"The token key has {len(key)} octets; use at least {_MIN_KEY}.")
    return hmac.digest(hmac.digest(key, purpose.encode(), "sha256"), payload, "sha256")
