"""DANE (RFC 7672): which records can be used, what a chain must hold, and what becomes of mail."""

import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.names import nameserver
from tests.support.post import carry, letter
from tests.support.smtp_script import START_TLS, scripted
from wire import dane, sts
from wire.dns import Found, MailHost, Resolver, Tlsa, TlsaRecords, Unknown
from wire.letters import TlsMode
from wire.outcomes import Verdict
from wire.security import Closed, Demand, Rule, Trust, demand

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)
STRANGER = trustme.CA(key_type=trustme.KeyType.ECDSA)
MX1 = AUTHORITY.issue_cert("mx1.example", key_type=trustme.KeyType.ECDSA)
NOW = datetime.now(UTC)


def loaded(blob):
    return x509.load_pem_x509_certificate(blob.bytes())


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


def key_of(certificate):
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


LEAF, ROOT = loaded(MX1.cert_chain_pems[0]), loaded(AUTHORITY.cert_pem)
CHAIN = (der(LEAF), der(ROOT))


@pytest.mark.parametrize(
    "record",
    [
        Tlsa(0, 0, 1, b"x" * 32),  # PKIX-TA
        Tlsa(1, 0, 1, b"x" * 32),  # PKIX-EE
        Tlsa(4, 0, 1, b"x" * 32),
        Tlsa(3, 2, 1, b"x" * 32),
        Tlsa(3, 0, 3, b"x" * 32),
        Tlsa(3, 0, 1, b"x" * 31),
        Tlsa(3, 0, 2, b"x" * 32),
        Tlsa(3, 0, 0, b""),
    ],
)
def test_a_record_that_smtp_cannot_use_is_left_out(record):
    good = Tlsa(3, 1, 1, b"x" * 32)
    assert dane.usable([record, good]) == (good,)
    assert dane.usable([record]) == ()


def test_of_two_digests_of_a_kind_the_stronger_counts():
    weak, strong = Tlsa(3, 1, 1, b"w" * 32), Tlsa(3, 1, 2, b"s" * 64)
    other, whole = Tlsa(2, 1, 1, b"o" * 32), Tlsa(3, 1, 0, b"anything")
    assert dane.usable([weak, strong, other, whole]) == (strong, other, whole)


PARTS = {0: der, 1: key_of}
DIGESTS = {0: bytes, 1: lambda o: sha256(o).digest(), 2: lambda o: sha512(o).digest()}


@pytest.mark.parametrize("usage", [2, 3])
@pytest.mark.parametrize("selector", PARTS)
@pytest.mark.parametrize("matching", DIGESTS)
def test_a_chain_fits_by_each_usage_selector_and_digest(usage, selector, matching):
    part, digest = PARTS[selector], DIGESTS[matching]
    named = ROOT if usage == 2 else LEAF
    right = Tlsa(usage, selector, matching, digest(part(named)))
    wrong = Tlsa(usage, selector, matching, digest(part(loaded(STRANGER.cert_pem))))
    assert dane.matches([wrong, right], CHAIN, ["mx1.example"], NOW)
    assert not dane.matches([wrong], CHAIN, ["mx1.example"], NOW)


ANCHOR = Tlsa(2, 0, 1, sha256(der(ROOT)).digest())
OWN = Tlsa(3, 0, 1, sha256(der(LEAF)).digest())


def test_usage_3_looks_at_neither_name_nor_date():
    before = NOW - timedelta(days=15_000)
    assert dane.matches([OWN], CHAIN, ["other.example"], before)


@pytest.mark.parametrize(
    ("chain", "names", "days"),
    [
        (CHAIN, ["other.example"], 0),
        (CHAIN, ["mx1.example"], -15_000),  # long before it was issued
        ((der(loaded(STRANGER.cert_pem)), der(ROOT)), ["mx1.example"], 0),
        ((der(LEAF),), ["mx1.example"], 0),  # the anchor was not sent
        ((b"no certificate",), ["mx1.example"], 0),
        ((), ["mx1.example"], 0),
    ],
)
def test_usage_2_wants_name_date_and_signature(chain, names, days):
    assert not dane.matches([ANCHOR], chain, names, NOW + timedelta(days=days))


def test_an_anchor_may_be_in_the_middle_and_any_of_the_names_will_do():
    middle = AUTHORITY.create_child_ca(key_type=trustme.KeyType.ECDSA)
    issued = middle.issue_cert("mx1.example")
    chain = (der(loaded(issued.cert_chain_pems[0])), der(loaded(middle.cert_pem)), der(ROOT))
    names = ["alias.example", "mx1.example"]
    assert dane.matches([ANCHOR], chain, names, NOW)
    assert dane.matches([Tlsa(2, 0, 0, chain[1])], chain, names, NOW)


# On secp224k1, which OpenSSL speaks and the library that reads certificates does not know.
ODD_CURVE = b"""\
-----BEGIN CERTIFICATE-----
MIIBcTCCAR6gAwIBAgIUIBxVifXTcFxaXKFuNsOoqZWQsQ0wCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLb2RkLmV4YW1wbGUwIBcNMjYxMTI1MTcxNjM3WhgPMjEyNjEx
MDExNzE2MzdaMBYxFDASBgNVBAMMC29kZC5leGFtcGxlME4wEAYHKoZIzj0CAQYF
K4EEACADOgAELjz02EHblXWZAbocJZhud8uP0zfJZKjtrtv772tf6lLrqbh50+f/
wM/b49QQQCe7p9eKR3AzWDujUzBRMB0GA1UdDgQWBBThvYwVtje0zHE+JWxAbAr4
G20RqzAfBgNVHSMEGDAWgBThvYwVtje0zHE+JWxAbAr4G20RqzAPBgNVHRMBAf8E
BTADAQH/MAoGCCqGSM49BAMCA0EAMD4CHQCics5TiX7JbWRy/7D8wC50T932DmT4
VP/PsufnAh0AidtNfiZA7MJ9wJq8Jtp6i53zXyCwrexnB60+6A==
-----END CERTIFICATE-----
"""
ODD_KEY = ssl.PEM_cert_to_DER_cert(ODD_CURVE.decode())
ODD_VERSION = der(ROOT).replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020104"), 1)
UNREADABLE = [ODD_KEY, ODD_VERSION, b"no certificate"]


@pytest.mark.parametrize("odd", UNREADABLE)
@pytest.mark.parametrize("selector", PARTS)
@pytest.mark.parametrize("usage", [2, 3])
def test_a_certificate_that_cannot_be_read_fits_no_key(odd, usage, selector):
    wrong = Tlsa(usage, selector, 1, b"x" * 32)
    chain = (odd,) if usage == 3 else (der(LEAF), odd)
    assert not dane.matches([wrong], chain, ["mx1.example"], NOW)
    named = Tlsa(usage, 0, 0, odd)
    assert dane.matches([named], chain, ["mx1.example"], NOW) == (usage == 3)


@pytest.mark.parametrize("odd", UNREADABLE)
def test_a_certificate_that_cannot_be_read_spoils_no_other(odd):
    by_key = Tlsa(3, 1, 1, sha256(key_of(LEAF)).digest())
    of_anchor = Tlsa(2, 1, 1, sha256(key_of(ROOT)).digest())
    names = ["mx1.example"]
    assert dane.matches([by_key], (der(LEAF), odd), names, NOW)
    assert dane.matches([of_anchor], (der(LEAF), odd, der(ROOT)), names, NOW)
    assert dane.matches([Tlsa(2, 0, 0, odd), of_anchor], (*CHAIN, odd), names, NOW)
    assert not dane.matches([of_anchor], (odd, der(ROOT)), names, NOW)


MX = ("shop.example MX 10 mx1.example.", "mx1.example A 127.0.9.1")
SIGNED = ("shop.example", "mx1.example", "mx2.example")


def record(usage, selector, matching, data, *, host="mx1.example", port):
    return f"_{port}._tcp.{host} TLSA {usage} {selector} {matching} {data.hex()}"


@pytest.mark.parametrize(
    ("signed", "bases"),
    [
        (SIGNED, ("mx1.example",)),
        (("mx1.example",), ()),  # the MX records are not
        (("shop.example",), ()),  # the addresses are not
        ((), ()),
    ],
)
async def test_a_host_has_dane_only_when_the_way_to_it_is_signed(signed, bases):
    async with nameserver(*MX, signed=signed) as names:
        found = await Resolver([names.address], validating=True).mail_hosts("shop.example")
        unbelieving = await Resolver([names.address]).mail_hosts("shop.example")
    assert isinstance(found, Found)
    assert found.hosts[0].tlsa_bases == bases
    assert isinstance(unbelieving, Found)
    assert unbelieving.hosts[0].tlsa_bases == ()


async def test_an_alias_is_asked_for_at_its_end_first():
    lines = ("shop.example MX 10 mx1.example.", "mx1.example CNAME mx2.example.",
             "mx2.example A 127.0.9.1")  # fmt: skip
    async with nameserver(*lines, signed=SIGNED) as names:
        found = await Resolver([names.address], validating=True).mail_hosts("shop.example")
    assert isinstance(found, Found)
    assert found.hosts[0].tlsa_bases == ("mx2.example", "mx1.example")


async def test_records_count_only_when_signed_and_failure_is_not_absence():
    line = record(3, 0, 1, b"x" * 32, port=25)
    async with nameserver(
        line, signed=SIGNED, faults={"_26._tcp.mx1.example": "servfail"}
    ) as names:
        resolver = Resolver([names.address], validating=True)
        assert await resolver.tlsa("mx1.example", 25) == TlsaRecords((Tlsa(3, 0, 1, b"x" * 32),))
        assert isinstance(await resolver.tlsa("mx1.example", 26), Unknown)
        assert await resolver.tlsa("mx1.example", 27) == TlsaRecords(())
        assert await resolver.tlsa("not a name" * 30, 25) == TlsaRecords(())
    async with nameserver(line) as names:
        resolver = Resolver([names.address], validating=True)
        assert await resolver.tlsa("mx1.example", 25) == TlsaRecords(())


TLS = {"EHLO": "250-fake.example\n250 STARTTLS", "STARTTLS": START_TLS}


@contextlib.asynccontextmanager
async def two_hosts(replies=TLS):
    """127.0.9.1 and .2, both with the certificate of mx1.example, on one port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    MX1.configure_cert(context)
    async with scripted(replies, host="127.0.9.1", context=context) as first:
        other = scripted(replies, host="127.0.9.2", port=first.port, context=context)
        async with other as second:
            yield first, second


async def deliver(*data, replies=TLS, lines=(), faults=None, policies=None, **options):
    """One letter; `data` are (usage, selector, matching, octets) of the first host."""
    async with two_hosts(replies) as (first, second):
        records = [record(*one, port=first.port) for one in data]
        wrong = {f"_{first.port}._tcp.mx1.example": faults} if faults else {}
        async with nameserver(*MX, *records, *lines, signed=SIGNED, faults=wrong) as names:
            resolver = Resolver([names.address], timeout=0.5, validating=True)
            post = await carry(
                [letter(**options)], resolver=resolver, policies=policies, port=first.port
            )
    return post.only, first, second


RIGHT = (3, 1, 1, sha256(key_of(LEAF)).digest())
WRONG = (3, 1, 1, b"x" * 32)
BY_ANCHOR = (2, 0, 1, sha256(der(ROOT)).digest())
UNUSABLE = (1, 1, 1, b"x" * 32)


@pytest.mark.parametrize(
    ("records", "proof"), [([RIGHT], "dane"), ([WRONG, RIGHT], "dane"), ([UNUSABLE], "none")]
)
async def test_a_host_that_shows_what_was_published_gets_the_mail(records, proof):
    outcome, _, _ = await deliver(*records)
    assert outcome.verdict is Verdict.accepted
    assert outcome.tls.startswith("TLSv1.3 ")
    assert outcome.tls.endswith(f", verified: {proof}")


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        (Rule.free, Demand(is_must=True)),
        (Rule.verified, Demand(Trust.sts, is_must=True)),
        (Rule.probed, Demand(Trust.sts, is_must=True, is_test=True)),
        (Rule.stranger, Demand(is_must=True, remark="sts testing: host not in the policy")),
        (Rule.barred, "sts-mismatch"),
    ],
)
async def test_records_that_cannot_be_used_make_tls_a_must_and_lift_no_policy(rule, asked):
    async with nameserver(*MX, record(*UNUSABLE, port=25), signed=SIGNED) as names:
        resolver = Resolver([names.address], validating=True)
        host = MailHost("mx1.example", 10, ("127.0.9.1",), ("mx1.example",))
        mode = TlsMode.opportunistic
        found = await demand(host, rule, mode=mode, resolver=resolver, port=25)
    assert asked == (found.reason if isinstance(found, Closed) else found)


class Enforced:
    """The policies of a domain that names its one host."""

    async def of(self, _domain):
        return sts.Policy("1", sts.Mode.enforce, ("mx1.example",), 86400)


@pytest.mark.parametrize(("records", "reason"), [([UNUSABLE], "sts-tls-failed"), ([RIGHT], "")])
async def test_only_usable_records_come_before_mta_sts(records, reason):
    """The host's certificate is of an authority that the system does not know."""
    outcome, first, _ = await deliver(*records, policies=Enforced())
    assert outcome.reason == (reason or "smtp-reply")
    assert len(first.messages) == (not reason)


async def test_a_host_with_an_odd_certificate_behind_its_own_is_refused_by_name():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # for the small key
    with trustme.Blob(
        MX1.private_key_pem.bytes() + MX1.cert_chain_pems[0].bytes() + ODD_CURVE
    ).tempfile() as path:
        context.load_cert_chain(path)
    async with scripted(TLS, host="127.0.9.1", context=context) as script:
        line = record(2, 1, 1, b"x" * 32, port=script.port)
        async with nameserver(*MX, line, signed=SIGNED) as names:
            resolver = Resolver([names.address], validating=True)
            post = await carry([letter()], resolver=resolver, port=script.port)
    assert (post.only.phase, post.only.reason) == ("starttls", "dane-failed")
    assert "the certificate is none of those in the TLSA records" in post.only.conversation


async def test_a_chain_up_to_a_published_anchor_gets_the_mail():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    MX1.configure_cert(context)
    pems = MX1.cert_chain_pems[0].bytes() + AUTHORITY.cert_pem.bytes()
    with trustme.Blob(MX1.private_key_pem.bytes() + pems).tempfile() as path:
        context.load_cert_chain(path)
    async with scripted(TLS, host="127.0.9.1", context=context) as script:
        line = record(*BY_ANCHOR, port=script.port)
        async with nameserver(*MX, line, signed=SIGNED) as names:
            resolver = Resolver([names.address], validating=True)
            post = await carry([letter()], resolver=resolver, port=script.port)
    assert post.only.tls.endswith(", verified: dane")


@pytest.mark.parametrize(
    ("records", "change", "reason"),
    [
        ([WRONG], {}, "dane-failed"),
        ([RIGHT], {"replies": {}}, "dane-failed"),
        ([RIGHT], {"replies": {**TLS, "STARTTLS": "454 no"}}, "dane-failed"),
        ([], {"faults": "servfail"}, "dane-failed"),
        ([UNUSABLE], {"replies": {}}, "tls-required"),
    ],
)
async def test_a_host_that_does_not_gets_none(records, change, reason):
    outcome, first, _ = await deliver(*records, **change)
    assert (outcome.verdict, outcome.reason) == (Verdict.deferred, reason)
    assert "DATA" not in first.lines


async def test_the_next_host_is_tried_when_the_first_does_not_fit():
    lines = ("shop.example MX 20 mx2.example.", "mx2.example A 127.0.9.2")
    outcome, first, second = await deliver(WRONG, lines=lines)
    assert (outcome.verdict, outcome.mx_host) == (Verdict.accepted, "mx2.example")
    assert "DATA" not in first.lines
    assert "the certificate is none of those in the TLSA records" in outcome.conversation
    assert len(second.messages) == 1


async def test_without_records_a_signed_host_is_as_any_other():
    outcome, _, _ = await deliver(replies={})
    assert (outcome.verdict, outcome.tls) == (Verdict.accepted, "")


async def test_a_pool_that_never_uses_tls_is_not_held_to_records():
    outcome, _, _ = await deliver(WRONG, tls=TlsMode.none)
    assert (outcome.verdict, outcome.tls) == (Verdict.accepted, "")
