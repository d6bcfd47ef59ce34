"""A courier against scripted hosts and a real nameserver: which host, how many connections, what
becomes of each letter."""

import asyncio
import contextlib

import pytest

from tests.support.names import nameserver
from tests.support.post import SOURCE, Post, carry, letter, letters
from tests.support.smtp_script import HANG_UP, START_TLS, scripted
from tests.support.tls import server_context
from wire.courier import Courier
from wire.dns import Resolver
from wire.letters import Policy, Source, TlsMode
from wire.outcomes import Phase, Verdict

TLS = {"EHLO": "250-fake.example\n250 STARTTLS", "STARTTLS": START_TLS}
# One host, or two on the same port: an MX has no port of its own.
FIRST, SECOND = "127.0.9.1", "127.0.9.2"
ONE = ("shop.example MX 10 mx1.example.", f"mx1.example A {FIRST}")
TWO = (*ONE, "shop.example MX 20 mx2.example.", f"mx2.example A {SECOND}")


@contextlib.asynccontextmanager
async def hosts(first=None, second=None, *, lines=ONE, faults=None, context=None):
    """Scripts of the first and, when given, the second host, and where to ask for names."""
    async with contextlib.AsyncExitStack() as stack:
        names = await stack.enter_async_context(nameserver(*lines, faults=faults))
        one = await stack.enter_async_context(scripted(first, host=FIRST, context=context))
        opened = [one]
        if second is not None:
            other = scripted(second, host=SECOND, port=one.port)
            opened.append(await stack.enter_async_context(other))
        yield *opened, {"names": names.address, "port": one.port}


async def test_letters_are_reported_once_each_over_one_connection():
    async with hosts() as (host, where):
        post = await carry(letters(4), **where)
    assert sorted(name for name, _ in post.reported) == [f"u{n}@shop.example" for n in range(4)]
    assert post.verdicts == ["accepted"] * 4
    assert (post.left, len(host.sessions), host.peers) == ([], 1, ["127.0.1.5"])
    assert post["u0@shop.example"].mx_host == "mx1.example"


async def test_more_letters_get_more_connections_up_to_the_limit():
    async with hosts() as (host, where):
        await carry(letters(60), max_connections=3, **where)
    assert len(host.sessions) == 3
    assert len(host.messages) == 60


async def test_all_sessions_together_are_bounded():
    lines = [f"shop{n}.example A {FIRST}" for n in range(5)]
    async with hosts(lines=lines) as (host, where):
        batch = [one for n in range(5) for one in letters(2, f"shop{n}.example")]
        post = await carry(batch, max_sessions=1, **where)
    assert post.verdicts == ["accepted"] * 10
    assert len(host.sessions) == 5


async def test_a_connection_takes_so_many_letters_and_is_then_renewed():
    async with hosts() as (host, where):
        await carry(letters(5), messages_per_connection=2, **where)
    assert [len([w for w in s if w == "DATA"]) for s in host.sessions] == [2, 2, 1]
    assert all(session[-1] == "QUIT" for session in host.sessions)


async def test_domains_with_the_same_hosts_share_connections():
    lines = (*ONE, "store.example MX 10 mx1.example.")
    async with hosts(lines=lines) as (host, where):
        await carry([letter("a@shop.example"), letter("b@Store.Example")], **where)
    assert len(host.sessions) == 1
    assert len(host.messages) == 2


async def test_the_next_host_is_tried_when_the_first_is_down():
    async with hosts(lines=TWO, second={}) as (first, _, where):
        first.replies["banner"] = HANG_UP
        post = await carry([letter()], **where)
    assert (post.only.verdict, post.only.mx_host) == (Verdict.accepted, "mx2.example")
    assert "connection-lost at banner" in post.only.conversation


@pytest.mark.parametrize(
    "replies", [{"banner": "554 no"}, {"EHLO": "421 busy"}, {"banner": "421 busy"}]
)
async def test_a_host_that_does_not_let_us_in_is_passed_over(replies):
    async with hosts(replies, {}, lines=TWO) as (_, second, where):
        post = await carry([letter()], **where)
    assert post.verdicts == ["accepted"]
    assert len(second.messages) == 1


async def test_the_outcome_is_that_of_the_last_host():
    async with hosts({"banner": "421 busy"}, {"banner": "554 5.7.1 no"}, lines=TWO) as (*_, where):
        post = await carry(letters(3), **where)
    assert post.verdicts == ["refused"] * 3
    outcome = post["u0@shop.example"]
    assert (outcome.phase, outcome.mx_host) == (Phase.banner, "mx2.example")


async def test_a_dead_host_is_tried_once_a_round():
    async with hosts({"banner": "421 busy"}, {}, lines=TWO) as (first, second, where):
        await carry(letters(4), messages_per_connection=1, **where)
    assert (len(first.sessions), len(second.sessions)) == (1, 4)


async def test_a_refused_recipient_is_no_reason_to_try_another_host():
    refusing = {"RCPT TO:<u0@shop.example>": "550 5.1.1 no"}
    async with hosts(refusing, {}, lines=TWO) as (_, second, where):
        post = await carry(letters(2), **where)
    assert post["u0@shop.example"].verdict is Verdict.refused
    assert post["u1@shop.example"].verdict is Verdict.accepted
    assert second.sessions == []


async def test_421_defers_one_letter_and_the_others_go_over_a_new_connection():
    async with hosts({"MAIL": ["421 4.7.0 enough", "250 ok"]}) as (host, where):
        post = await carry(letters(3), **where)
    assert sorted(post.verdicts) == ["accepted", "accepted", "deferred"]
    assert len(host.sessions) == 2


async def test_a_host_that_limits_connections_serves_all_over_those_it_allows():
    async with hosts({"banner": ["220 hi", "421 4.7.0 too many"]}) as (host, where):
        post = await carry(letters(30), max_connections=5, **where)
    assert post.verdicts == ["accepted"] * 30
    assert len(host.messages) == 30


async def test_a_host_that_is_down_defers_all_its_letters_at_once():
    async with hosts() as (_, where):
        pass
    async with nameserver(*ONE) as names:
        post = await carry(letters(30), names=names.address, port=where["port"])
    assert post.verdicts == ["deferred"] * 30
    outcome = post["u0@shop.example"]
    assert (outcome.reason, outcome.reply) == ("connection-refused", None)
    assert (outcome.mx_host, outcome.mx_address) == ("mx1.example", FIRST)


@pytest.mark.parametrize(
    ("domain", "verdict", "reason"),
    [
        ("nowhere.example", "refused", "no-such-domain"),
        ("null.example", "refused", "null-mx"),
        ("text.example", "refused", "no-mail-host"),
        ("broken.example", "deferred", "dns-failure"),
        ("v6.example", "deferred", "no-usable-address"),
    ],
)
async def test_a_domain_without_a_way_to_it_says_why(domain, verdict, reason):
    lines = ("null.example MX 0 .", "text.example TXT x", "v6.example AAAA ::1")
    async with nameserver(*lines, faults={"broken.example": "servfail"}) as names:
        post = await carry(letters(2, domain), names=names.address)
    assert post.verdicts == [verdict] * 2
    outcome = post[f"u0@{domain}"]
    assert (outcome.reason, outcome.reply) == (reason, None)


async def test_a_source_of_one_family_goes_to_addresses_of_that_family():
    lines = ("shop.example AAAA ::1", f"shop.example A {FIRST}")
    async with nameserver(*lines) as names, scripted(host="::1") as six:
        source = Source("::1", "mta6.example")
        post = await carry([letter()], source=source, names=names.address, port=six.port)
    assert post.only.mx_address == "::1"
    assert six.peers == ["::1"]


async def test_unsafe_addresses_never_reach_the_wire():
    bad = letter("a@shop.example>\r\nRCPT TO:<b@shop.example", domain="shop.example")
    async with hosts() as (host, where):
        post = await carry([bad, letter()], **where)
    assert (post.reported[0][1].reason, post.verdicts) == (
        "unsafe-address",
        ["refused", "accepted"],
    )
    assert [line for line in host.lines if "RCPT" in line] == ["RCPT TO:<a@shop.example>"]


async def test_a_destination_outside_loopback_is_refused_before_connecting():
    async with nameserver("shop.example A 192.0.2.1") as names:
        post = await carry([letter()], names=names.address, source=Source("", "mta.example"))
    assert (post.only.reason, post.only.phase) == ("refused-destination", Phase.connect)


async def test_opportunistic_tls_that_fails_is_left_aside_for_the_round():
    failing = {**TLS, "STARTTLS": "454 4.7.0 not now"}
    async with hosts(failing) as (host, where):
        post = await carry(letters(4), messages_per_connection=2, **where)
    assert post.verdicts == ["accepted"] * 4
    assert host.lines.count("STARTTLS") == 1
    assert len(host.sessions) == 3


async def test_a_letter_may_ask_for_more_of_tls_than_the_policy():
    async with hosts(TLS, context=server_context()) as (host, where):
        batch = [letter("a@shop.example"), letter("b@shop.example", tls=TlsMode.required)]
        post = await carry(batch, tls=TlsMode.none, **where)
    assert post["a@shop.example"].tls == ""
    assert post["b@shop.example"].tls.startswith("TLSv1.3")
    assert len(host.sessions) == 2


async def test_a_letter_that_needs_tls_waits_while_the_others_go():
    async with hosts() as (_, where):
        batch = [letter("a@shop.example", tls=TlsMode.required), letter("b@shop.example")]
        post = await carry(batch, **where)
    outcome = post["a@shop.example"]
    assert (outcome.verdict, outcome.reason) == (Verdict.deferred, "tls-required")
    assert post["b@shop.example"].verdict is Verdict.accepted


async def test_when_told_to_stop_the_rest_comes_back_untried():
    post = Post()
    async with hosts() as (host, where):
        await carry(letters(10), post=post, may_continue=lambda: len(post.reported) < 3,
                    max_connections=1, **where)  # fmt: skip
    assert len(host.messages) == 3
    assert [one.key for one in post.left] == [3, 4, 5, 6, 7, 8, 9]
    assert host.sessions[0][-1] == "QUIT"


async def test_when_told_to_stop_before_the_first_letter_nothing_is_contacted():
    async with hosts() as (host, where):
        post = await carry(letters(3), may_continue=lambda: False, **where)
    assert (len(post.left), post.reported, host.sessions) == (3, [], [])


async def test_one_worker_told_to_stop_stops_the_others_too():
    answers = iter([True] * 12)
    async with hosts() as (_, where):
        post = await carry(letters(60), may_continue=lambda: next(answers, False), **where)
    assert len(post.reported) + len(post.left) == 60
    assert len(post.reported) <= 12


async def test_permission_is_asked_again_after_a_slow_opening(monkeypatch):
    monkeypatch.setattr("wire.orders.FRESH", 0.0)
    answers = iter([True])
    async with hosts() as (host, where):
        post = await carry(letters(2), may_continue=lambda: next(answers, False), **where)
    assert (len(post.left), post.reported, len(host.sessions)) == (2, [], 1)


async def test_letters_of_domains_not_looked_up_yet_come_back_too():
    async with hosts() as (_, where):
        batch = [*letters(2), *letters(2, "later.example")]
        post = await carry(batch, may_continue=lambda: False, max_sessions=1, **where)
    assert len(post.left) == 4 - len(post.reported)


async def test_what_report_raises_ends_the_round():
    def fail(_letter, _outcome):
        raise LookupError("the journal is gone")

    async with hosts() as (_, where):
        resolver = Resolver([where["names"]])
        courier = Courier(resolver=resolver, source=SOURCE, policy=Policy(port=where["port"]))
        with pytest.raises(ExceptionGroup) as caught:
            await courier.carry(letters(3), report=fail, may_continue=lambda: True)
        assert caught.group_contains(LookupError)
        await asyncio.sleep(0.01)


async def test_no_letters_are_no_work():
    assert (await carry([])).reported == []
