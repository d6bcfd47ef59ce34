"""One session against a scripted server: what is said on the wire, and what each ending means."""

import asyncio

import pytest

from tests.support.post import MESSAGE, letter
from tests.support.sessions import HASTY, POLICY, knock, send
from tests.support.smtp_script import HANG_UP, SILENCE, scripted
from wire.letters import Policy
from wire.outcomes import Phase, Verdict, read_reply


async def test_an_accepted_letter_is_one_short_conversation():
    outcome, script = await send()
    assert script.lines == [
        "EHLO mta1.sender.example",
        f"MAIL FROM:<bounce@sender.example> SIZE={len(MESSAGE)}",
        "RCPT TO:<a@shop.example>",
        "DATA",
        "QUIT",
    ]
    assert script.messages == [MESSAGE]
    assert script.peers == ["127.0.1.5"]
    assert (outcome.verdict, outcome.phase) == (Verdict.accepted, Phase.end_of_data)
    assert outcome.reply == read_reply(250, "2.0.0 OK")


async def test_the_conversation_is_kept_without_the_message():
    outcome, script = await send()
    words = [line.partition("ms ")[2] for line in outcome.conversation.split("\n")]
    assert words == [
        f"-- connect to fake.example [127.0.0.1]:{script.port} from 127.0.1.5",
        "S: 220 fake.example ESMTP",
        "C: EHLO mta1.sender.example",
        "S: 250-fake.example",
        "S: 250-8BITMIME",
        "S: 250 SIZE 1000000",
        f"C: MAIL FROM:<bounce@sender.example> SIZE={len(MESSAGE)}",
        "S: 250 2.1.0 OK",
        "C: RCPT TO:<a@shop.example>",
        "S: 250 2.1.5 OK",
        "C: DATA",
        "S: 354 Go ahead",
        f"C: <{len(MESSAGE)} octets>",
        "S: 250 2.0.0 OK",
    ]


async def test_a_second_letter_goes_over_the_same_connection():
    outcomes, script = await send(None, letter(), letter("b@shop.example"))
    assert len(script.sessions) == 1
    assert "RSET" not in script.lines
    assert outcomes[1].conversation.startswith("+0ms -- letter 2 on this connection, no TLS")


async def test_dots_and_bare_line_ends_are_made_safe():
    _, script = await send(None, letter(message=b"a: b\n\n.\n..x\rend"))
    assert script.messages == [b"a: b\r\n\r\n..\r\n...x\r\nend\r\n"]


async def test_the_null_sender_is_written_as_such():
    _, script = await send(None, letter(sender=""))
    assert script.lines[1].startswith("MAIL FROM:<> ")


@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "verdict"), [("450 4.2.0 later", "deferred"), ("550 5.1.1 no", "refused")]
)
async def test_a_refusal_is_the_outcome_and_the_session_goes_on(phase, reply, verdict):
    refusing = {phase: [reply, "354 go" if phase == "DATA" else "250 ok"]}
    (first, second), script = await send(refusing, letter(), letter("b@shop.example"))
    assert (first.verdict, first.phase, first.reason) == (verdict, phase.lower(), "smtp-reply")
    assert first.reply is not None
    assert (first.reply.enhanced, first.reply.text) == (reply[4:9], reply[4:])
    assert second.verdict is Verdict.accepted
    assert script.lines.count("RSET") == 1


async def test_a_refusal_after_the_data_needs_no_reset():
    (first, second), script = await send({".": ["554 5.7.1 spam", "250 ok"]}, letter(), letter())
    assert (first.verdict, first.phase) == (Verdict.refused, Phase.end_of_data)
    assert second.verdict is Verdict.accepted
    assert "RSET" not in script.lines


async def test_a_refused_reset_ends_the_session():
    async with scripted({"RCPT": "550 no", "RSET": "500 what"}) as script:
        session = await knock(script)
        await session.deliver(letter())
        assert not await session.is_ready()
        await session.close()


@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA", "."])
async def test_421_defers_the_letter_and_ends_the_session(phase):
    async with scripted({phase: "421 4.3.2 closing"}) as script:
        session = await knock(script)
        outcome = await session.deliver(letter())
        assert not await session.is_ready()
    assert outcome.verdict is Verdict.deferred
    assert outcome.reply == read_reply(421, "4.3.2 closing")


@pytest.mark.parametrize(("how", "reason"), [(HANG_UP, "connection-lost"), (SILENCE, "timeout")])
@pytest.mark.parametrize(
    ("phase", "name", "verdict"),
    [
        ("MAIL", "mail", Verdict.deferred),
        ("RCPT", "rcpt", Verdict.deferred),
        ("DATA", "data", Verdict.deferred),
        (".", "end-of-data", Verdict.uncertain),
    ],
)
async def test_only_a_loss_after_the_end_of_data_is_uncertain(how, reason, phase, name, verdict):
    async with scripted({phase: how}) as script:
        session = await knock(script, policy=HASTY if how == SILENCE else POLICY)
        outcome = await session.deliver(letter())
        assert not await session.is_ready()
    assert (outcome.verdict, outcome.phase, outcome.reason) == (verdict, name, reason)
    assert outcome.reply is None


@pytest.mark.parametrize(
    ("phase", "reply", "verdict"),
    [
        ("MAIL", "354 go on", Verdict.deferred),
        ("RCPT", "hello", Verdict.deferred),
        ("RCPT", "199 hm", Verdict.deferred),
        ("DATA", "250 thanks", Verdict.deferred),
        (".", "354 more", Verdict.uncertain),
        (".", "whatever", Verdict.uncertain),
    ],
)
async def test_answers_that_fit_no_question_break_the_session(phase, reply, verdict):
    async with scripted({phase: reply}) as script:
        session = await knock(script)
        outcome = await session.deliver(letter())
        assert not await session.is_ready()
    assert (outcome.verdict, outcome.reason) == (verdict, "protocol-error")


async def test_an_endless_reply_is_cut_off():
    endless = "\n".join(["250-" + "x" * 70] * 1000) + "\n250 end"
    outcome, _ = await send({"MAIL": endless})
    assert (outcome.verdict, outcome.reason) == (Verdict.deferred, "protocol-error")


async def test_more_replies_than_commands_are_not_taken_for_later_answers():
    extra = {"MAIL": "250 ok\n250 more\n250 and more", "RCPT": "550 5.1.1 no"}
    outcome, _ = await send(extra)
    assert outcome.verdict is not Verdict.accepted


async def test_replies_are_cleaned_of_what_no_page_or_database_can_hold():
    outcome, _ = await send({"RCPT": "550-5.1.1 caf\udce9 \x00\x1b[31m\n550 二行目"})
    assert outcome.reply is not None
    assert outcome.reply.text == "5.1.1 caf� ��[31m\n二行目"
    assert outcome.reply.enhanced == "5.1.1"


async def test_smtputf8_is_asked_for_where_it_is_offered():
    offering = {"EHLO": "250-fake.example\n250 SMTPUTF8"}
    outcome, script = await send(offering, letter("鳩@shop.example", needs_smtputf8=True))
    assert outcome.verdict is Verdict.accepted
    assert script.lines[1:3] == [
        "MAIL FROM:<bounce@sender.example> SMTPUTF8",
        "RCPT TO:<鳩@shop.example>",
    ]


async def test_smtputf8_is_a_named_failure_where_it_is_not_offered():
    outcome, script = await send(None, letter("鳩@shop.example"))
    assert (outcome.verdict, outcome.reason) == (Verdict.refused, "smtputf8-not-offered")
    assert outcome.reply is None
    assert script.lines == ["EHLO mta1.sender.example", "QUIT"]


async def test_a_letter_over_the_offered_size_is_not_sent():
    outcome, script = await send({"EHLO": "250-fake.example\n250 SIZE 20"})
    assert (outcome.verdict, outcome.reason) == (Verdict.refused, "too-large")
    assert script.lines == ["EHLO mta1.sender.example", "QUIT"]


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE no"])
async def test_a_size_without_number_sets_no_limit(size):
    outcome, _ = await send({"EHLO": f"250-fake.example\n250 {size}"})
    assert outcome.verdict is Verdict.accepted


async def test_eight_bit_bodies_are_announced_where_that_is_offered():
    _, script = await send(None, letter(message="a: b\r\n\r\né\r\n".encode()))
    assert script.lines[1].endswith(" BODY=8BITMIME")


async def test_a_letter_that_cannot_be_built_does_not_stop_the_next():
    def fails():
        raise KeyError("name")

    (first, second), script = await send(None, letter(build=fails), letter())
    assert (first.verdict, first.reason) == (Verdict.deferred, "build-failed")
    assert "KeyError('name')" in first.conversation
    assert second.verdict is Verdict.accepted
    assert len(script.messages) == 1


async def test_a_long_letter_arrives_whole():
    message = b"a: b\r\n\r\n" + b"0123456789\r\n" * 60_000
    outcome, script = await send(None, letter(message=message))
    assert outcome.verdict is Verdict.accepted
    assert script.messages == [message]


async def refuse_early(reader, writer, answer):
    """Read only the beginning of a long message, then answer or leave."""
    for reply in (b"220 hi", b"250 fake", b"250 ok", b"250 ok", b"354 go"):
        writer.write(reply + b"\r\n")
        if reply != b"354 go":
            await reader.readline()
    await reader.readexactly(1000)
    writer.write(answer)
    await writer.drain()
    if answer:
        await asyncio.sleep(0.1)
    writer.transport.abort()


@pytest.mark.parametrize(
    ("answer", "verdict", "reason"),
    [
        (b"552 5.3.4 too much\r\n", Verdict.refused, "smtp-reply"),
        (b"", Verdict.deferred, "connection-lost"),
    ],
)
async def test_an_ending_in_the_middle_of_a_long_letter_is_not_uncertain(answer, verdict, reason):
    server = await asyncio.start_server(
        lambda r, w: refuse_early(r, w, answer), "127.0.0.1", 0, limit=1024
    )
    async with scripted() as script:
        script.port = server.sockets[0].getsockname()[1]
        session = await knock(script)
        outcome = await session.deliver(letter(message=(b"y" * 900 + b"\r\n") * 12_000))
    server.close()
    await asyncio.sleep(0.15)  # until the host has seen that we are gone
    assert (outcome.verdict, outcome.phase, outcome.reason) == (verdict, Phase.data, reason)


async def test_a_session_takes_so_many_letters_and_no_more():
    async with scripted() as script:
        session = await knock(script, policy=Policy(messages_per_connection=1))
        await session.deliver(letter())
        assert not await session.is_ready()
        await session.close()


async def test_a_session_the_host_has_left_is_not_ready():
    async with scripted({"RSET": HANG_UP, "RCPT": "550 no"}) as script:
        session = await knock(script)
        await session.deliver(letter())
        assert not await session.is_ready()
        assert not await session.is_ready()


async def test_a_cancelled_delivery_leaves_no_session_behind():
    async with scripted({"MAIL": SILENCE}) as script:
        session = await knock(script)
        delivery = asyncio.create_task(session.deliver(letter()))
        await asyncio.sleep(0.05)
        delivery.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivery
        assert not await session.is_ready()
