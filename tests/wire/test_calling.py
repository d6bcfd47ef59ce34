"""The opening of a connection: who is let in, how, and why not."""

import asyncio
import socket

import pytest

from tests.support.sessions import HASTY, POLICY, knock, send
from tests.support.smtp_script import HANG_UP, SILENCE, START_TLS, scripted
from tests.support.tls import server_context
from wire.calling import Door
from wire.letters import Policy, Source, TlsMode
from wire.outcomes import Outcome, Phase, Verdict


@pytest.mark.parametrize(
    ("replies", "phase", "reason", "verdict"),
    [
        ({"banner": "554 5.7.1 go away"}, "banner", "smtp-reply", Verdict.refused),
        ({"banner": "421 4.7.0 later"}, "banner", "smtp-reply", Verdict.deferred),
        ({"banner": "250 hm"}, "banner", "protocol-error", Verdict.deferred),
        ({"banner": "SSH-2.0"}, "banner", "protocol-error", Verdict.deferred),
        ({"banner": HANG_UP}, "banner", "connection-lost", Verdict.deferred),
        ({"banner": SILENCE}, "banner", "timeout", Verdict.deferred),
        ({"EHLO": "550 5.7.1 who"}, "ehlo", "smtp-reply", Verdict.refused),
        ({"EHLO": HANG_UP}, "ehlo", "connection-lost", Verdict.deferred),
        ({"EHLO": "502 what", "HELO": "550 no"}, "ehlo", "smtp-reply", Verdict.refused),
    ],
)
async def test_a_host_that_does_not_let_us_in_says_why(replies, phase, reason, verdict):
    async with scripted(replies) as script:
        outcome = await knock(script, policy=HASTY if reason == "timeout" else POLICY)
    assert isinstance(outcome, Outcome)
    assert (outcome.phase, outcome.reason, outcome.verdict) == (phase, reason, verdict)
    assert (outcome.mx_host, outcome.mx_address) == ("fake.example", "127.0.0.1")


async def test_an_old_host_is_greeted_with_helo():
    outcome, script = await send({"EHLO": "500 what", "HELO": "250 fake.example"})
    assert outcome.verdict is Verdict.accepted
    assert script.lines[:3] == [
        "EHLO mta1.sender.example",
        "HELO mta1.sender.example",
        "MAIL FROM:<bounce@sender.example>",
    ]


async def test_a_closed_port_is_refused_by_the_network():
    async with scripted() as script:
        port = script.port
    script.port = port
    outcome = await knock(script)
    assert isinstance(outcome, Outcome)
    assert (outcome.phase, outcome.reason) == (Phase.connect, "connection-refused")


async def test_an_opening_that_is_cancelled_leaves_no_socket_behind():
    full = socket.socket()  # a backlog of nought that one connection fills: the next one waits
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    crowd = [socket.socket() for _ in range(2)]
    for one in crowd:
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    async with scripted() as script:
        script.port = full.getsockname()[1]
        opening = asyncio.create_task(knock(script))
        await asyncio.sleep(0.02)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        outcome = await knock(script, policy=Policy(connect_timeout=0.05, command_timeout=0.05))
    for one in (full, *crowd):
        one.close()
    assert isinstance(outcome, Outcome)
    assert (outcome.phase, outcome.reason) == (Phase.connect, "timeout")


async def test_a_source_address_that_is_not_ours_is_our_own_failure():
    async with scripted() as script:
        outcome = await knock(script, source=Source("192.0.2.1", "mta.example"))
    assert isinstance(outcome, Outcome)
    assert (outcome.reason, outcome.reply) == ("source-unusable", None)


async def test_the_system_may_choose_the_source():
    async with scripted() as script:
        session = await knock(script, source=Source("", "mta.example"))
        await session.close()
    assert script.peers == ["127.0.0.1"]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "0.0.0.0", "::ffff:192.0.2.1"])
async def test_outside_loopback_nothing_is_contacted_when_told_so(address):
    async with scripted() as script:
        script.host = address
        outcome = await knock(script)
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict, outcome.reason) == (Verdict.deferred, "refused-destination")


TLS = {"EHLO": "250-fake.example\n250 STARTTLS", "STARTTLS": START_TLS}


async def test_starttls_is_used_where_offered_and_the_offers_are_read_again():
    outcome, script = await send(TLS, context=server_context())
    assert outcome.verdict is Verdict.accepted
    assert outcome.tls.startswith("TLSv1.3 TLS_")
    assert script.lines[:3] == ["EHLO mta1.sender.example", "STARTTLS", script.lines[0]]
    assert f"-- {outcome.tls}" in outcome.conversation


async def test_starttls_can_be_left_alone():
    _, script = await send(TLS, context=server_context(), tls=TlsMode.none)
    assert "STARTTLS" not in script.lines


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ({}, "tls-required"),
        ({**TLS, "STARTTLS": "454 4.7.0 not now"}, "tls-failed"),
        ({**TLS, "STARTTLS": "220 go"}, "tls-failed"),
        ({**TLS, "STARTTLS": HANG_UP}, "tls-failed"),
    ],
)
async def test_required_tls_that_does_not_come_about_is_deferred(replies, reason):
    async with scripted(replies) as script:
        outcome = await knock(script, tls=TlsMode.required, policy=HASTY)
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict, outcome.phase, outcome.reason) == (
        Verdict.deferred, Phase.starttls, reason,
    )  # fmt: skip
    assert "MAIL" not in " ".join(script.lines)


async def test_an_unknown_certificate_counts_only_where_it_is_verified():
    async with scripted(TLS, context=server_context()) as script:
        outcome = await knock(
            script, tls=TlsMode.required, policy=Policy(command_timeout=1, verify_tls=True)
        )
    assert isinstance(outcome, Outcome)
    assert outcome.reason == "tls-failed"
    assert "certificate verify failed" in outcome.conversation


LOGIN = {"EHLO": "250-fake.example\n250 AUTH PLAIN", "AUTH": "235 2.7.0 welcome"}


async def test_a_log_in_leaves_no_secret_in_the_conversation():
    outcome, script = await send(LOGIN, username="ship", password="secret")
    assert "AUTH PLAIN AHNoaXAAc2VjcmV0" in script.lines
    assert "C: AUTH ********" in outcome.conversation
    assert "AHNoaXAA" not in outcome.conversation
    assert "secret" not in repr(Door("h", "127.0.0.1", 25, TlsMode.none, password="secret"))


@pytest.mark.parametrize(
    ("replies", "reason", "code"),
    [
        ({**LOGIN, "AUTH": "535 5.7.8 wrong"}, "auth-failed", 535),
        ({}, "auth-failed", None),
        ({**LOGIN, "AUTH": HANG_UP}, "connection-lost", None),
        ({**LOGIN, "AUTH": SILENCE}, "timeout", None),
    ],
)
async def test_a_failed_log_in_defers(replies, reason, code):
    async with scripted(replies) as script:
        policy = HASTY if reason == "timeout" else POLICY
        outcome = await knock(script, policy=policy, username="ship", password="secret")
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict, outcome.phase, outcome.reason) == (
        Verdict.deferred, Phase.auth, reason,
    )  # fmt: skip
    assert (outcome.reply and outcome.reply.code) == code
