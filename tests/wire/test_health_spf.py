"""SPF: the results of RFC 7208 for records as they are found, and whether our own IPs pass."""

import pytest

from tests.support.names import nameserver
from wire.dns import Resolver
from wire.health.findings import Remark, Verdict
from wire.health.spf import Spf, check_host, spf

LINES = (
    "a.example TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
    "hosts.example TXT v=spf1 a mx/30 a:other.example//64 ~all",
    "hosts.example A 192.0.2.1",
    "hosts.example MX 10 mx.hosts.example.",
    "mx.hosts.example A 192.0.2.9",
    "other.example AAAA 2001:db8::1",
    "includes.example TXT v=spf1 include:a.example ?all",
    "redirects.example TXT v=spf1 redirect=a.example",
    "lost.example TXT v=spf1 redirect=nothing.example",
    "dangling.example TXT v=spf1 include:nothing.example -all",
    "macros.example TXT v=spf1 exists:%{ir}.%{v}.%{l1r-}.%{d2} -all",
    "1.2.0.192.in-addr.the.macros.example A 127.0.0.2",
    "named.example TXT v=spf1 ptr -all",
    "1.2.0.192.in-addr.arpa PTR mail.named.example.",
    "mail.named.example A 192.0.2.1",
    "silent.example TXT v=spf1 ip4:203.0.113.1",
    "twice.example TXT v=spf1 -all",
    "twice.example TXT v=spf1 +all",
    "void.example TXT v=spf1 a:x1.example a:x2.example a:x3.example +all",
    "loop.example TXT v=spf1 include:loop.example -all",
    "plain.example TXT hello",
)
OUTSIDE = "203.0.113.9"


async def outcome(ip, domain, *, sender="", faults=None):
    async with nameserver(*LINES, faults=faults) as names:
        return await check_host(Resolver([names.address], timeout=0.4), ip, domain, sender=sender)


@pytest.mark.parametrize(
    ("ip", "domain", "result"),
    [
        ("192.0.2.77", "a.example", Spf.passes),
        ("::ffff:192.0.2.77", "a.example", Spf.passes),
        ("2001:db8::5", "a.example", Spf.passes),
        (OUTSIDE, "a.example", Spf.fail),
        ("192.0.2.1", "hosts.example", Spf.passes),
        ("192.0.2.10", "hosts.example", Spf.passes),  # the same /30 as the MX host
        ("2001:db8::ff", "hosts.example", Spf.passes),
        (OUTSIDE, "hosts.example", Spf.softfail),
        ("192.0.2.1", "includes.example", Spf.passes),
        (OUTSIDE, "includes.example", Spf.neutral),
        (OUTSIDE, "redirects.example", Spf.fail),
        (OUTSIDE, "lost.example", Spf.permerror),
        (OUTSIDE, "dangling.example", Spf.permerror),
        ("192.0.2.1", "named.example", Spf.passes),
        (OUTSIDE, "named.example", Spf.fail),
        (OUTSIDE, "silent.example", Spf.neutral),
        (OUTSIDE, "twice.example", Spf.permerror),
        (OUTSIDE, "void.example", Spf.permerror),
        (OUTSIDE, "loop.example", Spf.permerror),
        (OUTSIDE, "plain.example", Spf.none),
        (OUTSIDE, "nothing.example", Spf.none),
        (OUTSIDE, "localhost", Spf.none),
    ],
)
async def test_a_record_gives_the_result_of_the_rfc(ip, domain, result):
    assert (await outcome(ip, domain)).result is result


async def test_macros_are_filled_in():
    found = await outcome("192.0.2.1", "macros.example", sender="the-boss@macros.example")
    assert found.result is Spf.passes
    other = await outcome("192.0.2.1", "macros.example", sender="clerk@macros.example")
    assert other.result is Spf.fail


@pytest.mark.parametrize(
    "terms",
    [
        "ip4:192.0.2", "ip4:192.0.2.0/33", "ip4:192.0.2.0/255.255.255.0", "ip6:192.0.2.1",
        "a/33", "a:", "a:example", "mx:x.123", "all:x", "foo", "exists:", "include", "exp=x exp=y",
        "redirect=a.example redirect=a.example", "a:%{z}.example", "include:%(d).example", "=x",
        "exists:%{d0}.example", "a.example", "foo=%{z}",
    ],
)  # fmt: skip
async def test_an_error_in_any_term_spoils_the_whole_record(terms):
    async with nameserver(f"x.example TXT v=spf1 {terms} +all") as names:
        found = await check_host(Resolver([names.address]), "192.0.2.1", "x.example")
    assert found.result is Spf.permerror
    assert found.why


async def test_a_nameserver_that_fails_is_no_answer():
    found = await outcome("192.0.2.1", "a.example", faults={"a.example": "servfail"})
    assert found.result is Spf.temperror
    found = await outcome(OUTSIDE, "includes.example", faults={"a.example": "refused"})
    assert found.result is Spf.temperror


async def test_the_eleventh_look_up_is_one_too_many():
    lines = [f"x.example TXT v=spf1 {' '.join(f'include:i{n}.example' for n in range(11))} +all"]
    lines += [f"i{n}.example TXT v=spf1 -all" for n in range(11)]
    async with nameserver(*lines) as names:
        found = await check_host(Resolver([names.address]), "192.0.2.1", "x.example")
        assert (found.result, found.lookups) == (Spf.permerror, 11)
        judged = await spf(Resolver([names.address]), "x.example", ["192.0.2.1"])
    assert judged.problems == (Remark("spf-error", found.why),)


async def checked(domain, *ips, faults=None):
    async with nameserver(*LINES, faults=faults) as names:
        return await spf(Resolver([names.address], timeout=0.4), domain, ips)


async def test_every_sending_ip_has_to_pass():
    found = await checked("a.example", "192.0.2.1", OUTSIDE, "2001:db8::1")
    assert found.verdict is Verdict.wrong
    assert found.problems == (Remark("spf-fail", OUTSIDE),)
    assert found.found == ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",)
    assert (await checked("a.example", "192.0.2.1")).verdict is Verdict.ok
    assert (await checked("includes.example", "192.0.2.1")).verdict is Verdict.ok


async def test_no_record_is_missing_and_no_answer_is_unknown():
    assert (await checked("plain.example", "192.0.2.1")).verdict is Verdict.missing
    for faulty in ("includes.example", "a.example"):
        found = await checked("includes.example", OUTSIDE, faults={faulty: "servfail"})
        assert found.verdict is Verdict.unknown
        assert found.problems[0].code == "no-answer"


async def test_many_look_ups_are_told_before_they_are_too_many():
    lines = [f"x.example TXT v=spf1 {' '.join(f'include:i{n}.example' for n in range(8))} +all"]
    lines += [f"i{n}.example TXT v=spf1 -all" for n in range(8)]
    async with nameserver(*lines) as names:
        found = await spf(Resolver([names.address]), "x.example", ["192.0.2.1"])
    assert (found.verdict, found.advice) == (Verdict.ok, (Remark("spf-lookups", "8"),))
