"""DANE for SMTP (RFC 7672): whether what a host showed in TLS is what its TLSA records name.

Values in, values out: the records are looked up, and the connection is made, elsewhere.
"""

import _ssl
import ssl
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256, sha512
from typing import Any, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from wire.dns import Tlsa

# RFC 7672 3.1: usages 0 and 1 lean on public authorities, which mail hosts do not agree on.
TRUST_ANCHOR, END_ENTITY = 2, 3
WHOLE, PUBLIC_KEY = 0, 1
EXACT, SHA256, SHA512 = 0, 1, 2
_DIGESTS = {SHA256: sha256, SHA512: sha512}
_LENGTHS = {SHA256: 32, SHA512: 64}
# A certificate with a key, a curve or a version that nobody knows can be any octets' fault.
_UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion)


def usable(records: Sequence[Tlsa]) -> tuple[Tlsa, ...]:
    """The records that can be used at all, and of each kind only the strongest digest.

    None left of some: TLS is a must, but nothing about the certificate (RFC 7672 2.2). The
    choice of digests is RFC 7671 section 9.
    """
    known = [record for record in records if _is_usable(record)]
    best: dict[tuple[int, int], int] = {}
    for record in known:
        kind = (record.usage, record.selector)
        best[kind] = max(best.get(kind, EXACT), record.matching)
    return tuple(
        record
        for record in known
        if record.matching in (EXACT, best[record.usage, record.selector])
    )


def matches(
    records: Sequence[Tlsa], chain: Sequence[bytes], names: Sequence[str], now: datetime
) -> bool:
    """Whether a usable record fits the chain, DER certificates as sent, the host's own first.

    `names` are those the host may be called by; usage 3 looks at neither names nor dates
    (RFC 7672 3.1.1). A certificate that cannot be read fits nothing, and spoils no other.
    """
    return any(_fits(record, chain, names, now) for record in records)


def shown(session: ssl.SSLObject) -> tuple[bytes, ...]:
    """The chain that the host sent, unverified, as DER."""
    # Python 3.13 has it in public; before, only the object inside has it.
    source = cast("Any", session if hasattr(session, "get_unverified_chain") else session._sslobj)  # type: ignore[attr-defined]  # noqa: SLF001
    chain = source.get_unverified_chain() or ()
    return tuple(
        one if isinstance(one, bytes) else one.public_bytes(_ssl.ENCODING_DER) for one in chain
    )


def _is_usable(record: Tlsa) -> bool:
    length = _LENGTHS.get(record.matching, len(record.data))
    return (
        record.usage in (TRUST_ANCHOR, END_ENTITY)
        and record.selector in (WHOLE, PUBLIC_KEY)
        and record.matching in (EXACT, SHA256, SHA512)
        and len(record.data) == length > 0
    )


def _fits(record: Tlsa, chain: Sequence[bytes], names: Sequence[str], now: datetime) -> bool:
    if record.usage == END_ENTITY:
        return bool(chain) and _is_named(record, chain[0])
    anchors = [one for one in chain[1:] if _is_named(record, one)]
    return any(_leads_to(anchor, chain, name, now) for anchor in anchors for name in names)


def _is_named(record: Tlsa, octets: bytes) -> bool:
    if record.selector == PUBLIC_KEY:
        try:
            key = x509.load_der_x509_certificate(octets).public_key()
        except _UNREADABLE:
            return False
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if record.matching != EXACT:
        octets = _DIGESTS[record.matching](octets).digest()
    return octets == record.data


def _leads_to(anchor: bytes, chain: Sequence[bytes], name: str, now: datetime) -> bool:
    # The rules of public authorities are not asked of an anchor that its owner names himself.
    lenient = ExtensionPolicy.permit_all()
    host = lenient.require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    issuer = lenient.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    policy = PolicyBuilder().extension_policies(ca_policy=issuer, ee_policy=host)
    between = [one for one in map(_read, chain[1:]) if one is not None]
    try:
        root, leaf = map(x509.load_der_x509_certificate, (anchor, chain[0]))
        verifier = policy.store(Store([root])).time(now).build_server_verifier(x509.DNSName(name))
        verifier.verify(leaf, between)
    except (VerificationError, *_UNREADABLE):
        return False
    return True


def _read(octets: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(octets)
    except _UNREADABLE:
        return None
