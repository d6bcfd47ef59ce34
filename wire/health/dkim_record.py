"""Whether the DKIM key that a selector publishes is ours, and whether receivers will take it."""

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from wire.dns import Resolver, Texts, Unknown
from wire.health import tags
from wire.health.findings import Finding, Remark, judged, missing, unanswered

LEAST_BITS = 1024  # RFC 8301 section 3.2: fewer must not be accepted
GOOD_BITS = 2048


async def dkim(resolver: Resolver, name: str, expected: str) -> Finding:
    """`name` is `<selector>._domainkey.<domain>`, `expected` the record of our key."""
    answer = await resolver.txt(name)
    if isinstance(answer, Unknown):
        return unanswered(answer)
    found = answer.values if isinstance(answer, Texts) else ()
    if not found:
        return missing(name)
    if len(found) > 1:  # RFC 6376 3.6.2.2: what receivers do is not defined
        return judged(found, [Remark("several-records", str(len(found)))])
    try:
        said = tags.parse(found[0])
    except tags.BadTags as error:
        return judged(found, [Remark("not-readable", str(error))])
    return judged(found, _problems(said, tags.parse(expected)), _advice(said))


def _problems(said: dict[str, str], ours: dict[str, str]) -> list[Remark]:
    """RFC 6376 section 3.6.1."""
    problems = []
    if said.get("v", "DKIM1") != "DKIM1":
        problems.append(Remark("dkim-version", said["v"]))
    if not said.get("p"):
        problems.append(Remark("dkim-revoked"))
    elif _key(said) != _key(ours):
        problems.append(Remark("dkim-other-key"))
    if said.get("k", "rsa") != ours.get("k", "rsa"):
        problems.append(Remark("dkim-kind", said.get("k", "rsa")))
    if "h" in said and "sha256" not in _list(said["h"]):
        problems.append(Remark("dkim-hash", said["h"]))
    if "s" in said and not {"*", "email"} & _list(said["s"]):
        problems.append(Remark("dkim-service", said["s"]))
    if (bits := _bits(said)) and bits < LEAST_BITS:
        problems.append(Remark("dkim-short", str(bits)))
    return problems


def _advice(said: dict[str, str]) -> list[Remark]:
    advice = [Remark("dkim-testing")] if "y" in _list(said.get("t", "")) else []
    if (bits := _bits(said)) and LEAST_BITS <= bits < GOOD_BITS:
        advice.append(Remark("dkim-weak", str(bits)))
    return advice


def _list(text: str) -> set[str]:
    return {part.strip().lower() for part in text.split(":")}


def _key(said: dict[str, str]) -> str:
    """White space in base64 means nothing."""
    return "".join(said.get("p", "").split())


def _bits(said: dict[str, str]) -> int:
    """Length of an RSA key; 0 for another kind, or one that cannot be read."""
    try:
        key = load_der_public_key(base64.b64decode(_key(said), validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0
