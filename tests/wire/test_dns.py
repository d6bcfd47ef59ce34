"""MX lookups against a real nameserver on loopback: what was found, what is not there, what nobody
could tell."""

import asyncio
from random import Random

import dns.name
import dns.rdatatype
import pytest

from tests.support.names import nameserver
from wire.dns import (
    LONGEST_TTL,
    SHORTEST_TTL,
    Addresses,
    Found,
    MailHost,
    NoMailHost,
    NoSuchDomain,
    NullMx,
    Resolver,
    Texts,
    Unknown,
)


def asking(server, **options):
    return Resolver([server.address], timeout=options.pop("timeout", 1.0), **options)


async def test_mx_hosts_come_in_order_of_preference_with_all_their_addresses():
    async with nameserver(
        "shop.example MX 20 b.example.",
        "shop.example MX 10 a.example.",
        "a.example A 127.0.0.5",
        "a.example AAAA ::1",
        "b.example A 127.0.0.6",
    ) as server:
        answer = await asking(server).mail_hosts("Shop.Example")
    assert answer == Found(
        (
            MailHost("a.example", 10, ("::1", "127.0.0.5")),
            MailHost("b.example", 20, ("127.0.0.6",)),
        ),
        implicit=False,
    )


async def test_hosts_of_equal_preference_take_turns():
    names = [f"m{number}.example" for number in range(4)]
    lines = [f"shop.example MX 10 {name}." for name in names]
    async with nameserver(*lines, *(f"{name} A 127.0.0.5" for name in names)) as server:
        resolver = asking(server, random=Random(3))
        first = {(await resolver.mail_hosts("shop.example")).hosts[0].name for _ in range(40)}
    assert first == set(names)


async def test_a_domain_without_mx_takes_mail_at_its_own_address():
    async with nameserver("shop.example A 127.0.0.5") as server:
        answer = await asking(server).mail_hosts("shop.example")
    assert answer == Found((MailHost("shop.example", 0, ("127.0.0.5",)),), implicit=True)


async def test_a_null_mx_is_known_as_such():
    async with nameserver("shop.example MX 0 .", "shop.example A 127.0.0.5") as server:
        assert await asking(server).mail_hosts("shop.example") == NullMx()


async def test_cnames_of_domain_and_host_are_followed():
    async with nameserver(
        "shop.example CNAME real.example.",
        "real.example MX 10 alias.example.",
        "alias.example CNAME host.example.",
        "host.example A 127.0.0.5",
    ) as server:
        answer = await asking(server).mail_hosts("shop.example")
    assert answer == Found((MailHost("alias.example", 10, ("127.0.0.5",)),), implicit=False)


@pytest.mark.parametrize("domain", ["日本語.example", "xn--wgv71a119e.example"])
async def test_international_domains_are_asked_for_by_their_a_label(domain):
    async with nameserver("xn--wgv71a119e.example A 127.0.0.5") as server:
        answer = await asking(server).mail_hosts(domain)
    assert isinstance(answer, Found)
    assert answer.hosts[0].name == "xn--wgv71a119e.example"


@pytest.mark.parametrize("domain", ["nowhere.example", "a..b", "x" * 64 + ".example", "", "💌.jp"])
async def test_names_that_do_not_or_cannot_exist_are_no_domain(domain):
    async with nameserver() as server:
        resolver = asking(server)
        assert await resolver.mail_hosts(domain) == NoSuchDomain()
        assert await resolver.txt(domain) == NoSuchDomain()
        assert await resolver.addresses(domain) == NoSuchDomain()


async def test_mx_hosts_without_address_are_left_out():
    async with nameserver(
        "shop.example MX 5 gone.example.",
        "shop.example MX 10 a.example.",
        "a.example A 127.0.0.5",
    ) as server:
        answer = await asking(server).mail_hosts("shop.example")
    assert isinstance(answer, Found)
    assert [host.name for host in answer.hosts] == ["a.example"]


async def test_a_domain_whose_hosts_all_lack_an_address_has_no_mail_host():
    async with nameserver("shop.example MX 5 gone.example.", "text.example TXT x") as server:
        resolver = asking(server)
        assert await resolver.mail_hosts("shop.example") == NoMailHost(
            "no MX host has an address: gone.example"
        )
        assert isinstance(await resolver.mail_hosts("text.example"), NoMailHost)


@pytest.mark.parametrize("fault", ["servfail", "refused", "timeout"])
async def test_a_domain_nobody_can_tell_about_is_unknown(fault):
    async with nameserver(faults={"shop.example": fault}) as server:
        answer = await asking(server, timeout=0.2).mail_hosts("shop.example")
    assert isinstance(answer, Unknown)
    assert "MX of shop.example" in answer.why


async def test_an_mx_host_nobody_can_tell_about_makes_the_domain_unknown():
    async with nameserver(
        "shop.example MX 5 a.example.", faults={"a.example": "servfail"}
    ) as server:
        assert isinstance(await asking(server).mail_hosts("shop.example"), Unknown)


async def test_without_a_nameserver_everything_is_unknown():
    answer = await Resolver([]).mail_hosts("shop.example")
    assert answer == Unknown("no nameserver is configured")


async def test_a_dead_nameserver_is_passed_over():
    async with nameserver("shop.example A 127.0.0.5") as server:
        host, port = server.address
        resolver = Resolver([("127.0.0.99", port), (host, port)], timeout=0.3)
        assert isinstance(await resolver.mail_hosts("shop.example"), Found)


async def test_a_truncated_answer_is_asked_for_again_over_tcp():
    async with nameserver(
        "shop.example MX 5 a.example.", "a.example A 127.0.0.5", faults={"shop.example": "truncate"}
    ) as server:
        assert isinstance(await asking(server).mail_hosts("shop.example"), Found)
        assert ("MX shop.example.", True) in server.asked


async def test_an_answer_too_long_for_udp_arrives():
    names = [f"host-with-a-long-name-{number:03}.example" for number in range(60)]
    lines = [f"shop.example MX {n} {name}." for n, name in enumerate(names)]
    async with nameserver(*lines, *(f"{name} A 127.0.0.5" for name in names)) as server:
        answer = await asking(server).mail_hosts("shop.example")
    assert isinstance(answer, Found)
    assert [host.name for host in answer.hosts] == names[:20]


async def test_texts_are_joined_and_kept_in_full():
    key = "v=DKIM1; k=rsa; p=" + "A" * 400
    async with nameserver(f"k1._domainkey.shop.example TXT {key}", "shop.example A 127.0.0.5") as s:
        resolver = asking(s)
        assert await resolver.txt("k1._domainkey.shop.example") == Texts((key,))
        assert await resolver.txt("shop.example") == Texts(())
        assert await resolver.txt("other.example") == NoSuchDomain()


async def test_texts_nobody_can_tell_about_are_unknown():
    async with nameserver(faults={"shop.example": "servfail"}) as server:
        assert isinstance(await asking(server).txt("shop.example"), Unknown)


async def test_an_address_is_used_though_the_other_family_is_unknown():
    async with nameserver("a.example A 127.0.0.5") as server:
        resolver = asking(server)
        assert await resolver.addresses("a.example") == Addresses(("127.0.0.5",))


async def test_answers_are_remembered_also_negative_ones():
    async with nameserver("shop.example A 127.0.0.5") as server:
        resolver = asking(server)
        for domain in ("shop.example", "nowhere.example", "shop.example", "nowhere.example"):
            await resolver.mail_hosts(domain)
        assert len(server.asked) == len(set(server.asked))


async def test_failures_are_not_remembered():
    async with nameserver("shop.example A 127.0.0.5", faults={"shop.example": "servfail"}) as s:
        resolver = asking(s)
        assert isinstance(await resolver.mail_hosts("shop.example"), Unknown)
        s.faults.clear()
        assert isinstance(await resolver.mail_hosts("shop.example"), Found)


async def test_the_same_question_at_the_same_time_is_asked_once():
    async with nameserver("shop.example A 127.0.0.5") as server:
        resolver = asking(server)
        await asyncio.gather(*(resolver.mail_hosts("shop.example") for _ in range(20)))
        assert len(server.asked) == 3


async def test_an_asker_who_gives_up_does_not_stop_the_others():
    async with nameserver("shop.example A 127.0.0.5") as server:
        resolver = asking(server)
        first = asyncio.create_task(resolver.mail_hosts("shop.example"))
        second = asyncio.create_task(resolver.mail_hosts("shop.example"))
        await asyncio.sleep(0)
        first.cancel()
        assert isinstance(await second, Found)


def question(name):
    return (dns.name.from_text(name), dns.rdatatype.MX)


@pytest.mark.parametrize(("ttl", "kept"), [(1, SHORTEST_TTL), (90, 90), (10**6, LONGEST_TTL)])
def test_time_to_live_is_kept_within_bounds(ttl, kept, monkeypatch):
    resolver = Resolver([])
    monkeypatch.setattr("wire.dns.time.monotonic", lambda: 1000.0)
    resolver._keep(question("a"), NoSuchDomain(), ttl)
    assert resolver._cache[question("a")][0] == 1000.0 + kept


def test_a_full_cache_lets_the_oldest_answer_go():
    resolver = Resolver([], cache_size=2)
    for name in ("a", "b", "c"):
        resolver._keep(question(name), NoSuchDomain(), 60)
    assert list(resolver._cache) == [question("b"), question("c")]


def test_a_nameserver_outside_loopback_is_refused_when_told_so():
    with pytest.raises(ValueError, match=r"192\.0\.2\.53:53 is outside loopback"):
        Resolver([("127.0.0.1", 53), ("192.0.2.53", 53)], loopback_only=True)
