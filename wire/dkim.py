"""DKIM signatures (RFC 6376, RFC 8301, RFC 8463): keys, DNS records and the header; no lookups."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Self, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey
Header: TypeAlias = tuple[bytes, bytes]  # lower-case name, raw value with its folds

# What a reader sees or acts on. Each is signed as often as it occurs (RFC 6376 section 5.4.1).
SIGNED: Final = frozenset(
    {
        b"from",
        b"to",
        b"subject",
        b"date",
        b"message-id",
        b"reply-to",
        b"mime-version",
        b"content-type",
        b"list-unsubscribe",
        b"list-unsubscribe-post",
    }
)
_MIN_RSA_BITS: Final = 1024  # RFC 8301 section 3.2
_NAMES_A_LINE: Final = 5
_BASE64_A_LINE: Final = 72
_TAG_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_HEADER_END: Final = re.compile(rb"\r\n(?![ \t])")
_WIDE_SPACE: Final = re.compile(rb"[ \t]{2,}|\t")


class DkimError(ValueError):
    """A key that cannot sign, or a message that cannot be signed."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one domain and selector; safe to share between threads and tasks."""

    domain: str
    selector: str
    key: PrivateKey = field(repr=False)

    @classmethod
    def from_pem(cls, *, domain: str, selector: str, pem: str) -> Self:
        """`domain` is an A-label. `DkimError`: bad name, unreadable or too weak key."""
        for what, name in (("domain", domain), ("selector", selector)):
            if not _TAG_NAME.fullmatch(name):
                raise DkimError(f"The DKIM {what} {name!r} is not a domain name in ASCII.")
        return cls(domain.lower(), selector, _load(pem))

    def sign(self, message: bytes, *, now: datetime) -> bytes:
        """The `DKIM-Signature` header for `message`, folded, with its CRLF: put it on top.

        `message` has CRLF line ends and a From header, otherwise `DkimError`. Canonical form is
        relaxed/relaxed. From is signed once more than it occurs, so none can be added later.
        """
        headers, body = _split(message)
        names, signed = _signed_headers(headers)
        head = self._without_signature(names, body, now)
        data = signed + _relaxed_header(b"dkim-signature", head.partition(b":")[2])
        signature = base64.b64encode(self._raw_signature(data))
        return head + _in_lines(signature) + b"\r\n"

    def _without_signature(self, names: Sequence[bytes], body: bytes, now: datetime) -> bytes:
        if now.tzinfo is None:
            raise DkimError("The time of a DKIM signature needs a time zone.")
        algorithm = "rsa" if isinstance(self.key, RSAPrivateKey) else "ed25519"
        body_hash = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest())
        tags = (
            f"DKIM-Signature: v=1; a={algorithm}-sha256; c=relaxed/relaxed;\r\n"
            f"\td={self.domain};\r\n"
            f"\ts={self.selector}; t={int(now.timestamp())};\r\n"
        )
        folded = b":\r\n\t ".join(
            b":".join(names[start : start + _NAMES_A_LINE])
            for start in range(0, len(names), _NAMES_A_LINE)
        )
        return tags.encode("ascii") + b"\th=" + folded + b";\r\n\tbh=" + body_hash + b";\r\n\tb="

    def _raw_signature(self, data: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(data, PKCS1v15(), hashes.SHA256())
        return self.key.sign(hashlib.sha256(data).digest())  # RFC 8463 section 3


def generate(kind: Literal["rsa-2048", "ed25519"]) -> str:
    """A new private key as PKCS#8 PEM, not encrypted."""
    key: PrivateKey
    if kind == "rsa-2048":
        key = generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = Ed25519PrivateKey.generate()
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")


def dns_record(pem: str) -> str:
    """The TXT value for `<selector>._domainkey.<domain>` (RFC 6376 section 3.6.1, RFC 8463 4).

    An RSA record is longer than 255 octets: a zone file needs it cut into several strings.
    """
    key = _load(pem)
    if isinstance(key, RSAPrivateKey):
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode('ascii')}"
    public = key.public_key().public_bytes_raw()
    return f"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode('ascii')}"


def _load(pem: str) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DkimError("The DKIM key is not an unencrypted private key in PEM form.") from error
    if isinstance(key, RSAPrivateKey) and key.key_size < _MIN_RSA_BITS:
        raise DkimError(f"The DKIM key has {key.key_size} bits; use an RSA key of 2048 bits.")
    if isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        return key
    raise DkimError("The DKIM key is neither RSA nor Ed25519; generate one of these.")


def _split(message: bytes) -> tuple[list[Header], bytes]:
    line_ends = message.count(b"\r\n")
    if message.count(b"\n") != line_ends or message.count(b"\r") != line_ends:
        raise DkimError("The message has bare CR or LF characters; end every line with CRLF.")
    head, _, body = message.partition(b"\r\n\r\n")
    headers: list[Header] = []
    for line in _HEADER_END.split(head.removesuffix(b"\r\n")):
        name, colon, value = line.partition(b":")
        if not colon:
            raise DkimError(f"The message has a header line without a colon: {line[:60]!r}.")
        headers.append((name.strip(b" \t").lower(), value))
    return headers, body


def _signed_headers(headers: Sequence[Header]) -> tuple[list[bytes], bytes]:
    """The names for h= and the canonical headers, picked from the bottom up (section 5.4.2)."""
    lines: dict[bytes, list[bytes]] = defaultdict(list)
    for name, value in reversed(headers):
        if name in SIGNED:
            lines[name].append(_relaxed_header(name, value) + b"\r\n")
    if b"from" not in lines:
        raise DkimError("The message has no From header; DKIM must sign it.")
    order = dict.fromkeys((b"from", *(name for name, _ in headers if name in SIGNED)))
    names = [name for name in order for _ in lines[name]]
    return [b"from", *names], b"".join(line for name in order for line in lines[name])


def _relaxed_header(name: bytes, value: bytes) -> bytes:
    """RFC 6376 section 3.4.2, without the CRLF."""
    unfolded = _WIDE_SPACE.sub(b" ", value.replace(b"\r\n", b""))
    return name + b":" + unfolded.strip(b" ")


def _relaxed_body(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4, of the body as SMTP sends it: its last line is always ended."""
    narrow = body if body.endswith(b"\r\n") else body + b"\r\n"
    if b"  " in narrow or b"\t" in narrow:  # rare in encoded bodies, and the search is dear
        narrow = _WIDE_SPACE.sub(b" ", narrow)
    text = narrow.replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return text + b"\r\n" if text else b""


def _in_lines(signature: bytes) -> bytes:
    return b"\r\n\t ".join(
        signature[start : start + _BASE64_A_LINE]
        for start in range(0, len(signature), _BASE64_A_LINE)
    )
