"""Short signed tokens: bounce addresses that name a delivery, and links that nobody can make up."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

_BOUNCE_PREFIX: Final = "b-"
_BOUNCE_PURPOSE: Final = "bounce-address"
_BOUNCE_MAC: Final = 10  # octets: 80 bits; together with the number 29 letters of base32
_LINK_MAC: Final = 16  # octets: 128 bits
_ID: Final = 8  # octets
_MIN_KEY: Final = 16  # octets; shorter keys are a mistake in the settings, not a choice


def bounce_address(*, delivery_id: int, domain: str, key: bytes) -> str:
    """The envelope sender of one delivery: `b-<token>@domain`, 31 characters before the @ sign.

    The token is base32 in lower case, because receivers may change the case of a local part.
    `delivery_id` is 1 to 2**63 - 1, otherwise `ValueError`.
    """
    if not 0 < delivery_id < 2**63:
        raise ValueError(f"A delivery id is a positive 64-bit number, not {delivery_id}.")
    return f"{_bounce_local(delivery_id.to_bytes(_ID, 'big'), key)}@{domain}"


def read_bounce_address(address: str, *, key: bytes) -> int | None:
    """The delivery named by a bounce address; None if it is not ours or was tampered with."""
    local = address.rpartition("@")[0].lower()
    number = _bounce_number(local)
    if number is None:
        return None
    # The whole local part is made again and compared, so each delivery has exactly one address.
    if not hmac.compare_digest(local.encode(), _bounce_local(number, key).encode()):
        return None
    return int.from_bytes(number, "big") or None


def mark(number: int, *, purpose: str, key: bytes) -> str:
    """What only the holder of `key` can write beside a number: 16 letters of base32, 80 bits."""
    mac = _mac(number.to_bytes(_ID, "big"), purpose, key)[:_BOUNCE_MAC]
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


def _bounce_local(number: bytes, key: bytes) -> str:
    signature = _mac(number, _BOUNCE_PURPOSE, key)[:_BOUNCE_MAC]
    token = base64.b32encode(number + signature).rstrip(b"=").decode("ascii")
    return _BOUNCE_PREFIX + token.lower()


def _bounce_number(local: str) -> bytes | None:
    token = local.removeprefix(_BOUNCE_PREFIX)
    try:
        raw = base64.b32decode(token + "=" * (-len(token) % 8), casefold=True)
    except (binascii.Error, ValueError):
        return None
    return raw[:_ID] if len(raw) == _ID + _BOUNCE_MAC else None


def _mac(payload: bytes, purpose: str, key: bytes) -> bytes:
    """HMAC-SHA256 under a key of its own for each purpose, so no token serves two."""
    if len(key) < _MIN_KEY:
        raise ValueError(f"The token key has {len(key)} octets; use at least {_MIN_KEY}.")
    return hmac.digest(hmac.digest(key, purpose.encode(), "sha256"), payload, "sha256")
