"""MTA-STS: records and policies read, fetched over HTTPS, remembered, and what they rule out."""

import contextlib
import ssl

import pytest

from tests.support.names import nameserver
from tests.support.policy_files import ENFORCE, HOST, page, site
from tests.support.post import carry, letter
from tests.support.smtp_script import START_TLS, scripted
from tests.support.tls import authority
from wire import security
from wire.dns import MailHost, Resolver
from wire.letters import TlsMode
from wire.outcomes import Verdict
from wire.security import Contexts, Rule
from wire.sts import BadPolicy, Kept, Mode, Policies, Policy, Terms, read_policy, record_id

RECORD = "_mta-sts.shop.example TXT v=STSv1; id=20260101;"
LINES = (RECORD, f"mta-sts.shop.example A {HOST}")


class Drawer:
    """A cache that a test can look into, or break."""

    def __init__(self):
        self.kept, self.is_broken = {}, False

    async def get(self, domain):
        if self.is_broken:
            raise OSError("the cache is gone")
        return self.kept.get(domain)

    async def put(self, domain, kept):
        if self.is_broken:
            raise OSError("the cache is gone")
        self.kept[domain] = kept


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


def trusting():
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@contextlib.asynccontextmanager
async def asking(*lines, site_name="mta-sts.shop.example", seconds=1.0, loopback_only=True):
    """Policies of a worker, the HTTPS site, its cache and its clock."""
    async with site(site_name) as there, nameserver(*(lines or LINES)) as names:
        resolver = Resolver([names.address], timeout=0.3)
        terms = Terms(resolver, trusting, there.port, seconds, loopback_only)
        drawer, clock = Drawer(), Clock()
        yield Policies(terms, drawer, clock=clock), there, drawer, clock, names


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("v=STSv1; id=20160831085700Z;",), "20160831085700Z"),
        (("v=STSv1;id=1",), "1"),
        (("other", "v=STSv1; id=1; x=y"), "1"),
        (("v=STSv1; id=1;", "v=STSv1; id=2;"), None),  # more than one: none
        (("v=STSv10; id=1;",), None),
        (("v=STSv1; id=a b;",), None),
        (("v=STSv1; id=" + "x" * 33,), None),
        (("v=STSv1;",), None),
        ((), None),
    ],
)
def test_a_record_counts_when_it_is_the_only_one_and_has_an_id(texts, found):
    assert record_id(texts) == found


def test_a_policy_is_read_from_its_lines():
    text = "version: STSv1\nmode: testing\nmx: MX1.example.\nmx: *.mail.example\nmax_age: 604800\n"
    assert read_policy(text, id="1") == Policy(
        "1", Mode.testing, ("mx1.example", "*.mail.example"), 604_800
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("STSv1", "STSv2", "version is 'STSv2', not STSv1"),
        ("enforce", "strict", "mode is 'strict', none of enforce, testing, none"),
        ("mode: enforce\r\n", "", "mode is None"),
        ("mx1.example", "mx1.*.example", "mx 'mx1.*.example' is no host name"),
        ("mx1.example", "mx 1", "is no host name or *.name"),
        ("mx: mx1.example\r\n", "", "there is no mx line"),
        ("86400", "-1", "max_age is '-1'"),
        ("86400", "9" * 11, "not a number of seconds"),
    ],
)
def test_a_policy_that_breaks_the_rules_counts_as_none(old, new, sentence):
    with pytest.raises(BadPolicy) as caught:
        read_policy(ENFORCE.replace(old, new), id="1")
    assert sentence in str(caught.value)


def test_of_a_key_that_may_stand_once_the_first_counts_and_ages_have_a_bound():
    policy = read_policy("version: STSv1\nmode: none\nmode: enforce\nmax_age: 4000000000\n", id="1")
    assert (policy.mode, policy.hosts, policy.max_age) == (Mode.none, (), 31_557_600)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mx1.example", True),
        ("MX1.Example.", True),
        ("a.mail.example", True),
        ("a.b.mail.example", False),
        ("mail.example", False),
        ("mx2.example", False),
    ],
)
def test_a_star_stands_for_one_label(host, allowed):
    policy = Policy("1", Mode.enforce, ("mx1.example", "*.mail.example"), 1)
    assert policy.allows(host) is allowed


async def test_a_policy_is_fetched_once_and_kept_for_all():
    async with asking() as (policies, there, drawer, clock, _):
        found = await policies.of("shop.example")
        assert found == Policy("20260101", Mode.enforce, ("mx1.example",), 86_400)
        assert await policies.of("shop.example") == found
        assert drawer.kept == {"shop.example": Kept(found, clock.now + 86_400)}
    (request,) = there.requests
    assert request.startswith("GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.shop.example")


async def test_a_domain_without_a_record_is_asked_for_nothing():
    async with asking("shop.example A 127.0.0.5") as (policies, there, _, _, names):
        assert await policies.of("shop.example") is None
        assert await policies.of("shop.example") is None
    assert there.requests == []
    assert len(names.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        page(ENFORCE, status="301 Moved Permanently"),
        page(ENFORCE, status="404 Not Found"),
        page(ENFORCE, kind="text/html"),
        page(ENFORCE.replace("enforce", "strict")),
        page(ENFORCE + "x" * 70_000),
        page(ENFORCE)[:-20],  # shorter than it says
        b"SSH-2.0 what is HTTP?\r\n",
        b"",
        None,
    ],
    ids=["redirect", "missing", "html", "bad", "large", "cut", "other", "nothing", "silence"],
)
async def test_what_is_no_policy_file_counts_as_no_policy(answer):
    async with asking(seconds=0.2) as (policies, there, drawer, _, _):
        there.answer = answer
        assert await policies.of("shop.example") is None
        assert await policies.of("shop.example") is None  # and the host is left alone for a while
    assert (len(there.requests), drawer.kept) == (1, {})


async def test_a_file_in_chunks_is_read():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with asking() as (policies, there, _, _, _):
        there.answer = head + f"{len(ENFORCE):x}\r\n{ENFORCE}\r\n0\r\n\r\n".encode()
        assert (await policies.of("shop.example")).mode is Mode.enforce


async def test_the_policy_host_must_show_a_certificate_for_its_name():
    async with asking(site_name="mta-sts.other.example") as (policies, there, _, _, _):
        assert await policies.of("shop.example") is None
    assert there.requests == []


@pytest.mark.parametrize("lines", [(RECORD,), (RECORD, "mta-sts.shop.example A 192.0.2.1")])
async def test_a_policy_host_that_may_not_be_contacted_is_not(lines):
    async with asking(*lines) as (policies, there, _, _, _):
        assert await policies.of("shop.example") is None
    assert there.requests == []


async def test_the_second_address_is_asked_when_the_first_has_nothing():
    lines = (RECORD, "mta-sts.shop.example AAAA ::1", f"mta-sts.shop.example A {HOST}")
    async with asking(*lines) as (policies, _, _, _, _):
        assert await policies.of("shop.example") is not None


async def test_a_kept_policy_stands_though_record_host_and_cache_fail():
    async with asking() as (policies, there, drawer, clock, names):
        await policies.of("shop.example")
        names.faults["_mta-sts.shop.example"] = "servfail"
        drawer.is_broken, there.answer = True, b""
        clock.now += 80_000
        assert (await policies.of("shop.example")).mode is Mode.enforce
        clock.now += 10_000  # past max_age
        assert await policies.of("shop.example") is None


async def test_a_broken_cache_does_not_keep_a_policy_from_use():
    async with asking() as (policies, _, drawer, _, _):
        drawer.is_broken = True
        assert (await policies.of("shop.example")).mode is Mode.enforce


async def test_what_another_worker_has_fetched_is_not_fetched_again():
    async with asking() as (policies, there, drawer, clock, _):
        kept = Policy("20260101", Mode.testing, ("mx1.example",), 86_400)
        drawer.kept["shop.example"] = Kept(kept, clock.now + 86_400)
        assert await policies.of("shop.example") == kept
    assert there.requests == []


@pytest.mark.parametrize(("id", "age"), [("older", 86_400), ("20260101", 40_000)])
async def test_a_new_id_or_half_the_time_gone_makes_us_fetch_again(id, age):  # noqa: A002
    async with asking() as (policies, there, drawer, clock, _):
        kept = Policy(id, Mode.testing, ("mx1.example",), 86_400)
        drawer.kept["shop.example"] = Kept(kept, clock.now + age)
        assert (await policies.of("shop.example")).mode is Mode.enforce
        assert len(there.requests) == 1


async def test_memory_of_domains_is_bounded(monkeypatch):
    monkeypatch.setattr("wire.sts.MOST_REMEMBERED", 2)
    async with asking() as (policies, _, _, _, _):
        for number in range(5):
            await policies.of(f"d{number}.example")
        assert len(policies._memory) == 2


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Mode.enforce, (Rule.verified, Rule.barred)),
        (Mode.testing, (Rule.probed, Rule.stranger)),
        (Mode.none, (Rule.free, Rule.free)),
    ],
)
def test_the_mode_says_what_a_policy_means_for_each_host(mode, expected):
    hosts = (MailHost("mx1.example", 10, ()), MailHost("mx2.example", 20, ()))
    assert security.rules(Policy("1", mode, ("mx1.example",), 1), hosts) == expected
    assert security.rules(None, hosts) == (Rule.free, Rule.free)


TLS = {"EHLO": "250-fake.example\n250 STARTTLS", "STARTTLS": START_TLS}
MX = ("shop.example MX 10 mx1.example.", "mx1.example A 127.0.9.1")
MX2 = (*MX, "shop.example MX 20 mx2.example.", "mx2.example A 127.0.9.2")


class Authorities(Contexts):
    """The tests' own authority."""

    def _make(self, *, verify):
        return trusting() if verify else super()._make(verify=False)


async def deliver(policy_text, *, certificate="mx1.example", replies=TLS, lines=MX, **options):
    """One letter to a host with that certificate, under that policy."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(certificate).configure_cert(context)
    async with (
        asking(*LINES, *lines) as (policies, there, _, _, names),
        scripted(replies, host="127.0.9.1", context=context) as script,
        scripted(replies, host="127.0.9.2", port=script.port, context=context) as second,
    ):
        there.answer = page(policy_text)
        batch = [letter(**options)]
        post = await carry(
            batch, names=names.address, port=script.port, policies=policies, contexts=Authorities()
        )
    return post.only, script, second


async def test_enforced_and_met_mail_goes_out_verified():
    outcome, _, _ = await deliver(ENFORCE)
    assert outcome.verdict is Verdict.accepted
    assert outcome.tls.startswith("TLSv1.3 TLS_")
    assert outcome.tls.endswith(", verified: pkix (sts)")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"certificate": "mx9.example"}, "sts-tls-failed"),
        ({"replies": {}}, "sts-tls-failed"),
        ({"replies": {**TLS, "STARTTLS": "454 not now"}}, "sts-tls-failed"),
        ({"policy_text": ENFORCE.replace("mx1", "mx7")}, "sts-mismatch"),
    ],
)
async def test_enforced_and_not_met_mail_waits(change, reason):
    outcome, script, _ = await deliver(**{"policy_text": ENFORCE, **change})
    assert (outcome.verdict, outcome.reason) == (Verdict.deferred, reason)
    assert "DATA" not in script.lines


async def test_a_host_that_the_policy_does_not_name_is_passed_over():
    outcome, script, second = await deliver(
        ENFORCE.replace("mx1", "mx2"), certificate="mx2.example", lines=MX2
    )
    assert (outcome.verdict, outcome.mx_host) == (Verdict.accepted, "mx2.example")
    assert (len(script.sessions), len(second.sessions)) == (0, 1)
    assert "mx1.example: the domain's MTA-STS policy does not name this host" in (
        outcome.conversation
    )


TESTING = ENFORCE.replace("enforce", "testing")


@pytest.mark.parametrize(
    ("change", "proof", "words"),
    [
        ({}, "pkix (sts testing)", ""),
        ({"certificate": "mx9.example"}, "none (sts testing failed)", "once more without a valid"),
        (
            {"policy_text": TESTING.replace("mx1", "mx7")},
            "none (sts testing: host not in the policy)",
            "",
        ),
        ({"replies": {}}, None, "MTA-STS, in testing: the host offers no TLS"),
    ],
)
async def test_in_testing_mail_goes_out_and_the_outcome_tells(change, proof, words):
    outcome, _, _ = await deliver(**{"policy_text": TESTING, **change})
    assert outcome.verdict is Verdict.accepted
    assert outcome.tls.endswith(f", verified: {proof}") if proof else outcome.tls == ""
    assert words in outcome.conversation


async def test_a_letter_that_may_not_use_tls_is_not_held_to_a_policy():
    outcome, _, _ = await deliver(ENFORCE, certificate="mx9.example", tls=TlsMode.none)
    assert (outcome.verdict, outcome.tls) == (Verdict.accepted, "")


async def test_a_host_that_knows_only_older_tls_than_the_least_is_not_spoken_to_in_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("mx1.example").configure_cert(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with (
        nameserver(*MX) as names,
        scripted(TLS, host="127.0.9.1", context=context) as script,
    ):
        refused, allowed = [
            await carry(
                [letter(tls=TlsMode.required)], names=names.address, port=script.port,
                tls_minimum=minimum,
            )
            for minimum in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2)
        ]  # fmt: skip
    assert refused.only.reason == "tls-failed"
    assert allowed.only.tls.startswith("TLSv1.2 ")
