"""DKIM, DMARC, MX, PTR, HELO, TLS-RPT and MTA-STS of a sender, judged from what DNS says."""

import base64
import contextlib
import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.names import nameserver
from tests.support.platform import RSA_KEY
from tests.support.policy_files import HOST, page, site
from tests.support.tls import authority
from wire import dkim as keys
from wire.dns import Resolver
from wire.health import tags
from wire.health.dkim_record import dkim
from wire.health.dmarc import dmarc, organizational_domain, walk
from wire.health.findings import Verdict
from wire.health.hosts import helo_host, mail_host, pointer
from wire.health.tls_records import mta_sts, tls_reports
from wire.sts import Terms

OURS = keys.dns_record(RSA_KEY)
NAME = "h1._domainkey.m.example"


@contextlib.asynccontextmanager
async def resolver(*lines, faults=None):
    async with nameserver(*lines, faults=faults) as names:
        yield Resolver([names.address], timeout=0.3)


def codes(finding):
    return (
        str(finding.verdict),
        [r.code for r in finding.problems],
        [r.code for r in finding.advice],
    )


def record_of(bits):
    """Of a public key whose private one nobody has: the modulus is no product of primes."""
    key = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 1).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


@pytest.mark.parametrize(
    ("record", "problems", "advice"),
    [
        (OURS, [], []),
        (OURS.replace("p=", "p= ").replace("; k=rsa", " ;k=rsa"), [], []),
        (OURS + "; t=y:s; h=sha1:sha256; s=email", [], ["dkim-testing"]),
        (OURS + "; h=sha1", ["dkim-hash"], []),
        (OURS + "; s=tlsrpt", ["dkim-service"], []),
        (OURS.replace("DKIM1", "DKIM2"), ["dkim-version"], []),
        ("v=DKIM1; p=", ["dkim-revoked"], []),
        ("v=DKIM1; k=ed25519; p=AAAA", ["dkim-other-key", "dkim-kind"], []),
        ("v=DKIM1; p=!!", ["dkim-other-key"], []),
        ("v=DKIM1; p=A; p=B", ["not-readable"], []),
        ("whatever", ["not-readable"], []),
    ],
)
async def test_a_dkim_record_must_hold_our_key_and_let_receivers_use_it(record, problems, advice):
    async with resolver(f"{NAME} TXT {record}") as names:
        found = await dkim(names, NAME, OURS)
    assert codes(found) == ("wrong" if problems else "ok", problems, advice)


async def test_a_short_dkim_key_is_told_and_a_very_short_one_is_wrong():
    for bits, verdict, code in ((512, "wrong", "dkim-short"), (1024, "ok", "dkim-weak")):
        record = record_of(bits)
        async with resolver(f"{NAME} TXT {record}") as names:
            found = codes(await dkim(names, NAME, record))
        assert found[0] == verdict
        assert code in [*found[1], *found[2]]


async def test_a_dkim_record_may_be_missing_doubled_or_not_to_be_asked_for():
    async with resolver(f"{NAME} TXT {OURS}", f"{NAME} TXT v=x") as names:
        assert codes(await dkim(names, NAME, OURS))[1] == ["several-records"]
        assert codes(await dkim(names, "h2._domainkey.m.example", OURS))[0] == "missing"
    async with resolver(faults={NAME: "servfail"}) as names:
        assert codes(await dkim(names, NAME, OURS)) == ("unknown", ["no-answer"], [])


def test_the_tree_walk_asks_for_eight_names_at_most():
    assert walk("a.mail.Example.COM.") == [
        "a.mail.example.com", "mail.example.com", "example.com", "com"
    ]  # fmt: skip
    long = walk("a.b.c.d.e.f.g.h.i.j.example.com")
    assert long[:2] == ["a.b.c.d.e.f.g.h.i.j.example.com", "f.g.h.i.j.example.com"]
    assert len(long) == 8


@pytest.mark.parametrize(
    ("lines", "domain", "home"),
    [
        ((), "a.b.example", "a.b.example"),
        (("_dmarc.b.example TXT v=DMARC1; p=none",), "a.b.example", "b.example"),
        (("_dmarc.example TXT v=DMARC1; p=none; psd=y",), "a.b.example", "b.example"),
        (
            ("_dmarc.a.b.example TXT v=DMARC1; psd=n", "_dmarc.b.example TXT v=DMARC1; p=none"),
            "a.b.example",
            "a.b.example",
        ),
        (
            ("_dmarc.b.example TXT v=DMARC1", "_dmarc.b.example TXT v=DMARC1"),
            "b.example",
            "b.example",
        ),
    ],
)
async def test_the_organizational_domain_is_found_without_a_list_of_suffixes(lines, domain, home):
    async with resolver(*lines) as names:
        assert await organizational_domain(names, domain) == home


GOOD = "v=DMARC1; p=reject; rua=mailto:dmarc@m.example"


@pytest.mark.parametrize(
    ("record", "problems", "advice"),
    [
        (GOOD, [], []),
        ("v=DMARC1; p=none", [], ["dmarc-none", "dmarc-no-reports"]),
        ("v=DMARC1; rua=mailto:a@m.example", [], ["dmarc-none"]),
        (GOOD + "; t=y; aspf=s", [], ["dmarc-testing", "dmarc-envelope"]),
        ("v=DMARC1; p=strict; rua=mailto:a@m.example", ["dmarc-policy"], []),
        ("v=DMARC1; p=reject; p=none", ["dmarc-policy"], ["dmarc-no-reports"]),
        ("v=DMARC1; p=reject; rua=mailto:x@x.example!9m,https://x", [], ["dmarc-reports-refused"]),
        ("v=DMARC1; p=reject; rua=mailto:x@agrees.example", [], []),
    ],
)  # fmt: skip
async def test_a_dmarc_record_is_judged(record, problems, advice):
    lines = (
        f"_dmarc.m.example TXT {record}",
        "m.example._report._dmarc.agrees.example TXT v=DMARC1",
    )
    async with resolver(*lines) as names:
        found = await dmarc(names, "m.example", envelope_domain="b.m.example", signs=True)
    assert codes(found) == ("wrong" if problems else "ok", problems, advice)


async def test_dmarc_needs_dkim_or_the_envelope_domain_aligned():
    async with resolver(f"_dmarc.m.example TXT {GOOD}") as names:
        stranger = await dmarc(names, "m.example", envelope_domain="b.example", signs=False)
        own = await dmarc(names, "m.example", envelope_domain="m.example", signs=False)
        signed = await dmarc(names, "m.example", envelope_domain="b.example", signs=True)
    assert codes(stranger) == ("wrong", ["dmarc-alignment"], [])
    assert codes(own) == ("ok", [], [])
    assert codes(signed) == ("ok", [], ["dmarc-envelope"])


async def test_a_domain_may_follow_the_dmarc_record_of_a_parent():
    lines = ("_dmarc.m.example TXT v=DMARC1; p=reject; sp=none; rua=mailto:a@m.example",)
    async with resolver(*lines) as names:
        found = await dmarc(names, "a.m.example", envelope_domain="b.m.example", signs=True)
    assert codes(found) == ("ok", [], ["dmarc-inherited", "dmarc-none"])


async def test_dmarc_may_be_missing_doubled_or_not_to_be_asked_for():
    async def verdict(*lines, faults=None):
        async with resolver(*lines, faults=faults) as names:
            return codes(await dmarc(names, "m.example", envelope_domain="m.example", signs=True))

    record = f"_dmarc.m.example TXT {GOOD}"
    assert await verdict() == ("missing", ["no-record"], [])
    assert await verdict(record, record + " ") == ("wrong", ["several-records"], [])
    assert (await verdict(record, faults={"_dmarc.m.example": "refused"}))[0] == "unknown"
    away = "_dmarc.m.example TXT v=DMARC1; p=reject; rua=mailto:a@x.example"
    fault = {"m.example._report._dmarc.x.example": "servfail"}
    assert (await verdict(away, faults=fault))[0] == "unknown"


HOSTS = (
    "1.10.0.127.in-addr.arpa PTR Out1.m.example.",
    "out1.m.example A 127.0.10.1",
    "2.10.0.127.in-addr.arpa PTR host-2.isp.example.",
    "3.10.0.127.in-addr.arpa PTR out3.m.example.",
    "3.10.0.127.in-addr.arpa PTR alias.m.example.",
    "out3.m.example A 127.0.10.99",
    "out5.m.example AAAA ::1",
    "short A 127.0.10.1",
)


@pytest.mark.parametrize(
    ("ip", "helo", "expected"),
    [
        ("127.0.10.1", "out1.m.example", ("ok", [], [])),
        ("127.0.10.2", "out2.m.example", ("wrong", ["ptr-other"], [])),
        ("127.0.10.3", "out3.m.example", ("wrong", ["ptr-unconfirmed"], ["ptr-several"])),
        ("127.0.10.4", "out4.m.example", ("missing", ["no-record"], [])),
        ("127.0.10.5", "out5.m.example", ("unknown", ["no-answer"], [])),
        ("127.0.10.6", "out6.m.example", ("unknown", ["no-answer"], [])),
    ],
)
async def test_the_name_of_an_ip_is_its_helo_name_and_leads_back(ip, helo, expected):
    lines = (*HOSTS, "6.10.0.127.in-addr.arpa PTR out6.m.example.")
    faults = {"5.10.0.127.in-addr.arpa": "servfail", "out6.m.example": "servfail"}
    async with resolver(*lines, faults=faults) as names:
        assert codes(await pointer(names, ip, helo)) == expected


@pytest.mark.parametrize(
    ("helo", "ip", "expected"),
    [
        ("out1.m.example", "127.0.10.1", ("ok", [], [])),
        ("out5.m.example", "::1", ("ok", [], [])),
        ("out3.m.example", "127.0.10.3", ("wrong", ["helo-elsewhere"], [])),
        ("short", "127.0.10.1", ("wrong", ["helo-short"], [])),
        ("none.m.example", "127.0.10.1", ("missing", ["no-record"], [])),
        ("lost.m.example", "127.0.10.1", ("unknown", ["no-answer"], [])),
    ],
)
async def test_the_helo_name_leads_to_the_ip(helo, ip, expected):
    async with resolver(*HOSTS, faults={"lost.m.example": "servfail"}) as names:
        assert codes(await helo_host(names, helo, ip)) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["MX 10 mx.m.example."], ("ok", [], [])),
        (["MX 10 mx.m.example.", "MX 20 mx2.m.example."], ("ok", [], ["mx-others"])),
        (["MX 10 mx.m.example.", "MX 10 mx2.m.example."], ("wrong", ["mx-not-first"], [])),
        (["MX 20 mx.m.example.", "MX 10 mx2.m.example."], ("wrong", ["mx-not-first"], [])),
        (["MX 10 mx2.m.example."], ("wrong", ["mx-other"], [])),
        (["MX 0 ."], ("wrong", ["mx-null"], [])),
        (["MX 10 nowhere.m.example."], ("wrong", ["mx-no-address"], [])),
        (["A 127.0.0.9"], ("missing", ["no-record"], [])),
        (["TXT x"], ("missing", ["no-record"], [])),
        ([], ("missing", ["no-record"], [])),
    ],
)
async def test_bounces_come_to_our_host_first(lines, expected):
    both = ("mx.m.example A 127.0.0.1", "mx2.m.example A 127.0.0.2")
    async with resolver(*both, *(f"b.m.example {line}" for line in lines)) as names:
        assert codes(await mail_host(names, "b.m.example", "mx.m.example")) == expected


async def test_an_mx_that_nobody_tells_is_unknown():
    async with resolver(faults={"b.m.example": "timeout"}) as names:
        assert codes(await mail_host(names, "b.m.example", "mx.m.example"))[0] == "unknown"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["v=TLSRPTv1; rua=mailto:t@m.example, https://m.example/t"], ("ok", [], [])),
        (["v=TLSRPTv1; rua=ftp://m.example"], ("wrong", ["tlsrpt-rua"], [])),
        (["v=TLSRPTv1; nonsense"], ("wrong", ["not-readable"], [])),
        (["v=TLSRPTv1; rua=mailto:a@b.example"] * 2, ("wrong", ["several-records"], [])),
        (["v=other"], ("missing", ["no-record"], [])),
        ([], ("missing", ["no-record"], [])),
    ],
)
async def test_a_tls_rpt_record_is_judged(texts, expected):
    lines = [f"_smtp._tls.m.example TXT {text}{' ' * n}" for n, text in enumerate(texts)]
    async with resolver(*lines) as names:
        assert codes(await tls_reports(names, "_smtp._tls.m.example")) == expected


async def test_a_tls_rpt_record_that_nobody_tells_is_unknown():
    async with resolver(faults={"_smtp._tls.m.example": "servfail"}) as names:
        assert codes(await tls_reports(names, "_smtp._tls.m.example"))[0] == "unknown"


RECORD = "_mta-sts.b.example TXT v=STSv1; id=1;"
PLACE = f"mta-sts.b.example A {HOST}"
POLICY = "version: STSv1\nmode: enforce\nmx: mx.m.example\nmax_age: 86400\n"


def trusting():
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@pytest.mark.parametrize(
    ("lines", "policy", "expected"),
    [
        ([RECORD, PLACE], POLICY, ("ok", [], [])),
        ([RECORD, PLACE], POLICY.replace("enforce", "testing"), ("ok", [], ["sts-mode"])),
        ([RECORD, PLACE], POLICY.replace("mx.m", "mx.n"), ("wrong", ["sts-host"], [])),
        ([RECORD, PLACE], POLICY.replace("STSv1", "STSv9"), ("wrong", ["sts-policy"], [])),
        ([RECORD, PLACE], None, ("wrong", ["sts-not-fetched"], [])),
        ([RECORD], POLICY, ("wrong", ["sts-no-host"], [])),
        ([RECORD.replace("id=1", "id=")], POLICY, ("wrong", ["sts-record"], [])),
        ([], POLICY, ("missing", ["no-record"], [])),
    ],
)
async def test_mta_sts_is_record_and_policy_together(lines, policy, expected):
    async with site("mta-sts.b.example") as there, resolver(*lines) as names:
        there.answer = page(policy) if policy else page("gone", status="404 Not Found")
        terms = Terms(names, trusting, there.port, 2.0, loopback_only=True)
        assert codes(await mta_sts(terms, "b.example", mx="mx.m.example")) == expected


@pytest.mark.parametrize("name", ["_mta-sts.b.example", "mta-sts.b.example"])
async def test_mta_sts_that_nobody_tells_is_unknown(name):
    async with resolver(RECORD, PLACE, faults={name: "servfail"}) as names:
        terms = Terms(names, trusting, 1, 0.3, loopback_only=True)
        found = await mta_sts(terms, "b.example", mx="mx.m.example")
    assert found.verdict is Verdict.unknown


def test_tags_are_read_as_they_stand():
    assert tags.parse("v=X; P = a b ;; n=") == {"v": "X", "p": "a b", "n": ""}
    with pytest.raises(tags.BadTags, match="a= stands twice"):
        tags.parse("a=1;A=2")
    with pytest.raises(tags.BadTags, match="'=x' is no tag=value"):
        tags.parse("=x")
