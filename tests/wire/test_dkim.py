import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from typing import Literal

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dkim.canonicalization import CanonicalizationPolicy
from hypothesis import given
from hypothesis import strategies as st

from wire import dkim, mime
from wire.addresses import parse

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# 768 bits: too weak to sign with (RFC 8301), and too weak for `cryptography` to generate.
WEAK = """\
-----BEGIN PRIVATE KEY-----
MIIB5QIBADANBgkqhkiG9w0BAQEFAASCAc8wggHLAgEAAmEAzAwVGZgQW9bibUFk
/KqZtn9DjJ23yoNZTHAzRw44yKufpvc0EazbqKSVoxa1Colym1a0wga0c8zBZtMf
lYqrKgReLGyUBie5cDc0BycVqqwOeGhWhOCEqal4nQoVx3jLAgMBAAECYEmdYk9l
iSFZGT+JhEGT2vj4WQp2LESntqPZJubPvrTHFkZKkUJ/NpBVMJcyLgarJ0TFEJ+B
QRWF5iLZNP3SVLO5GzeYyZIt9q6J+EvaV9YXwpmACqPwQaEHtXwj3aouQQIxAO9T
IJy+dj3E5sOt94DQWoCZpiuSup81bcKmqdwBEgXEjpDC3QmziBiTN6NHvEyI+QIx
ANpDtFFv6GK8lihT44iAFJHhZapGrBytKjzpHpGtAxOQOW1mSPmmc5wHlo5WiJ8k
4wIxAI817jD9pCHoXrK/unihtVZ5Gz+9yOEWhrzRIJnfJhq/eRRVFxIEFa+nAMc7
WQlveQIxAMZD8ix3x1TJkm0Xpvx7vDO3164RfI6gDlo+OPKDguPmgwQJggilVydJ
DU5G9Nv7mQIwAQmGhgImyoKKxA02E7b1KmEu50XWVYyivVjD/ttkLOfffg7o1IJZ
QUzT5flP+UlP
-----END PRIVATE KEY-----
"""
RELAXED = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
HEAD = (
    "From: 鳩便 <info@example.jp>\r\nTo: taro@example.com\r\nSubject: =?utf-8?B?6bOp?=\r\n".encode()
)

MESSAGES = {
    "japanese": HEAD + b"\r\n" + "こんにちは。\r\n".encode(),
    "folded": HEAD + b"Reply-To: a\r\n\t <a@example.jp>\r\nX-Other: 1\r\n\r\nHi  there\t \r\n",
    "attachments": HEAD
    + b'Content-Type: multipart/mixed;\r\n boundary="b"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n',
    "empty body": HEAD + b"\r\n",
    "no empty line": HEAD,
    "only blank lines": HEAD + b"\r\n\r\n \r\n\r\n",
    "trailing blank lines": HEAD + b"\r\ntext\r\n\r\n \t\r\n\r\n",
    "repeated headers": b"Subject: one\r\n" + HEAD + b"FROM: x@example.jp\r\n\r\ntext\r\n",
    "unsubscribe": b"List-Unsubscribe: <https://example.jp/u>\r\n" + HEAD + b"\r\ntext\r\n",
}


@cache
def pem(kind: Literal["rsa-2048", "ed25519"]) -> str:
    return dkim.generate(kind)


def test_a_rendered_japanese_mail_with_an_attachment_verifies() -> None:
    mail = mime.Content(
        subject="【重要】とても長い日本語の件名がここに入りますのでどうぞご確認ください",
        from_name="鳩便 運営事務局",
        from_address=parse("info@example.jp"),
        reply_to=None,
        text="{{ name }} 様\n\n本文です。  \n\n",
        html="<p>本文です。</p>",
        attachments=(mime.Attachment("見積書.pdf", "application/pdf", b"%PDF" * 99),),
        charset="auto",
    )
    to = parse("a..b@docomo.ne.jp")
    values = {"name": "山田"}
    rendered = mime.compile(mail).render(to=to, values=values, message_id="1@a.jp", date=NOW)
    header = signer(pem("rsa-2048")).sign(rendered.data, now=NOW)
    assert rendered.charset == "iso-2022-jp"
    assert is_verified(header + rendered.data, pem("rsa-2048"))


def signer(key: str) -> dkim.Signer:
    return dkim.Signer.from_pem(domain="Example.jp", selector="s1", pem=key)


def is_verified(message: bytes, key: str) -> bool:
    def answer(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"s1._domainkey.example.jp."
        return dkim.dns_record(key).encode()

    return bool(dkimpy.verify(message, dnsfunc=answer))


def tags_of(header: bytes) -> dict[str, str]:
    value = header.decode("ascii").partition(":")[2]
    pairs = (tag.strip().partition("=") for tag in value.split(";"))
    return {name: "".join(content.split()) for name, _, content in pairs}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize("kind", ["rsa-2048", "ed25519"])
def test_signatures_verify(kind: Literal["rsa-2048", "ed25519"], message: bytes) -> None:
    if kind == "ed25519":
        pytest.importorskip("nacl", reason="dkimpy verifies Ed25519 only with PyNaCl")
    header = signer(pem(kind)).sign(message, now=NOW)
    assert is_verified(header + message, pem(kind))
    assert header.endswith(b"\r\n")
    assert all(len(line) <= 78 for line in header.split(b"\r\n"))


@given(st.text(alphabet=" \tab=.\n", max_size=60))
def test_white_space_in_bodies_is_read_as_dkimpy_reads_it(body: str) -> None:
    octets = body.replace("\n", "\r\n").encode()
    ending = b"" if octets.endswith(b"\r\n") else b"\r\n"  # DATA ends every line
    hashed = hashlib.sha256(RELAXED.canonicalize_body(octets + ending)).digest()
    tags = tags_of(signer(pem("ed25519")).sign(HEAD + b"\r\n" + octets, now=NOW))
    assert base64.b64decode(tags["bh"]) == hashed


def test_the_signature_says_what_it_signs() -> None:
    tags = tags_of(signer(pem("rsa-2048")).sign(MESSAGES["unsubscribe"], now=NOW))
    assert tags["v"] == "1"
    assert (tags["a"], tags["c"]) == ("rsa-sha256", "relaxed/relaxed")
    assert (tags["d"], tags["s"], tags["t"]) == ("example.jp", "s1", "1767323045")
    assert tags["h"] == "from:from:list-unsubscribe:to:subject"


def test_an_ed25519_signature_is_over_the_hash_of_the_canonical_headers() -> None:
    message = MESSAGES["folded"]
    header = signer(pem("ed25519")).sign(message, now=NOW)
    tags = tags_of(header)
    unsigned = header[: header.rindex(b"\tb=") + 3]
    fields = [line.partition(b":")[::2] for line in HEAD.split(b"\r\n")[:-1]]
    fields.append((b"Reply-To", b" a\r\n\t <a@example.jp>"))
    fields.append((b"DKIM-Signature", unsigned.partition(b":")[2]))
    data = b"".join(n + b":" + v for n, v in RELAXED.canonicalize_headers(fields))
    key = serialization.load_pem_private_key(pem("ed25519").encode(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    digest = hashlib.sha256(data.removesuffix(b"\r\n")).digest()
    key.public_key().verify(base64.b64decode(tags["b"]), digest)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.replace(b"Hi", b"Ho"),
        lambda m: m.replace(b"Subject:", b"Subject: x"),
        lambda m: b"From: evil@example.com\r\n" + m,
    ],
)
def test_a_changed_message_fails(change) -> None:
    message = MESSAGES["folded"]
    signed = signer(pem("rsa-2048")).sign(message, now=NOW) + message
    assert is_verified(signed, pem("rsa-2048"))
    assert not is_verified(change(signed), pem("rsa-2048"))


def test_the_dns_record_holds_the_public_key_only() -> None:
    assert dkim.dns_record(pem("rsa-2048")).startswith("v=DKIM1; k=rsa; p=MII")
    kind, _, public = dkim.dns_record(pem("ed25519")).rpartition("; p=")
    assert kind == "v=DKIM1; k=ed25519"
    assert len(base64.b64decode(public)) == 32


def test_a_signer_does_not_show_its_key() -> None:
    assert repr(signer(pem("rsa-2048"))) == "Signer(domain='example.jp', selector='s1')"


def pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    octets = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return octets.decode()


def test_keys_that_cannot_sign_are_refused() -> None:
    elliptic = pem_of(ec.generate_private_key(ec.SECP256R1()))
    refused = [
        ("no key", "in PEM form"),
        (elliptic, "neither RSA nor Ed25519"),
        (WEAK, "has 768 bits; use an RSA key of 2048"),
    ]
    for key, words in refused:
        with pytest.raises(dkim.DkimError, match=words):
            signer(key)
        with pytest.raises(dkim.DkimError, match=words):
            dkim.dns_record(key)


@pytest.mark.parametrize("name", ["", "a;d=evil", "a b", "a\r\nX: y", "-a", "日本"])
def test_names_that_are_not_dns_names_are_refused(name: str) -> None:
    with pytest.raises(dkim.DkimError, match="domain"):
        dkim.Signer.from_pem(domain=name, selector="s1", pem=pem("ed25519"))
    with pytest.raises(dkim.DkimError, match="selector"):
        dkim.Signer.from_pem(domain="example.jp", selector=name, pem=pem("ed25519"))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"To: x@example.com\r\n\r\ntext\r\n", "no From header"),
        (HEAD + b"\r\nbare\nline\r\n", "bare CR or LF"),
        (HEAD + b"nonsense\r\n\r\ntext\r\n", "without a colon"),
    ],
)
def test_messages_that_cannot_be_signed_are_refused(message: bytes, words: str) -> None:
    with pytest.raises(dkim.DkimError, match=words):
        signer(pem("ed25519")).sign(message, now=NOW)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(dkim.DkimError, match="time zone"):
        signer(pem("ed25519")).sign(MESSAGES["folded"], now=NOW.replace(tzinfo=None))
