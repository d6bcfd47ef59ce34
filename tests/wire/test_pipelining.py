"""Several commands under way at once (RFC 2920, 3030): what goes out when, what a loss means."""

import asyncio

import pytest

from tests.support.post import MESSAGE, carry, letter, letters
from tests.support.sessions import knock, send
from tests.support.smtp_script import HANG_UP, scripted
from tests.wire.test_courier import hosts
from wire.outcomes import Phase, Verdict

PIPELINING = {"EHLO": "250-fake.example\n250 PIPELINING"}
CHUNKING = {"EHLO": "250-fake.example\n250-CHUNKING\n250 PIPELINING"}


async def test_the_envelope_goes_out_in_one_piece():
    pieces = []

    async def host(reader, writer):
        for reply in (b"220 hi", b"250-fake\r\n250 PIPELINING"):
            writer.write(reply + b"\r\n")
            pieces.append(await reader.read(4096))
        writer.write(b"250 ok\r\n250 ok\r\n354 go\r\n")
        pieces.append(await reader.read(4096))
        writer.write(b"250 done\r\n")
        await reader.read(4096)
        writer.close()

    server = await asyncio.start_server(host, "127.0.0.1", 0)
    async with scripted() as script:
        script.port = server.sockets[0].getsockname()[1]
        session = await knock(script)
        outcome = await session.deliver(letter())
        await session.close()
    server.close()
    assert outcome.verdict is Verdict.accepted
    assert pieces[1:] == [
        b"MAIL FROM:<bounce@sender.example>\r\nRCPT TO:<a@shop.example>\r\nDATA\r\n",
        MESSAGE + b".\r\n",
    ]


async def test_the_next_envelope_follows_behind_the_message():
    async with scripted(PIPELINING) as script:
        session = await knock(script)
        first = session.begin(letter())
        begun = []
        behind = lambda: begun.append(session.begin(letter("b@shop.example")))  # noqa: E731
        assert (await session.finish(first, behind)).verdict is Verdict.accepted
        assert (await session.finish(begun[0])).verdict is Verdict.accepted
        await session.close()
    assert len(script.messages) == 2
    assert "RSET" not in script.lines


@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA"])
async def test_a_refusal_in_the_envelope_is_taken_back_and_the_next_goes(phase):
    refusing = {phase: ["550 5.1.1 no", "354 go" if phase == "DATA" else "250 ok"]}
    if phase != "DATA":
        refusing["DATA"] = ["503 no valid recipient", "354 go"]
    async with hosts(PIPELINING | refusing) as (script, where):
        post = await carry(letters(2), **where)
    assert post.verdicts == ["refused", "accepted"]
    assert post.reported[0][1].phase == phase.lower()
    assert script.lines.count("RSET") == 1
    assert len(script.sessions) == 1


async def test_data_let_through_for_nobody_is_ended_empty():
    odd = PIPELINING | {"RCPT": "550 5.1.1 no", ".": "554 no recipients"}
    outcome, script = await send(odd)
    assert (outcome.verdict, outcome.phase) == (Verdict.refused, Phase.rcpt)
    assert script.messages == [b""]
    assert "C: ." in outcome.conversation


async def test_421_in_the_envelope_defers_one_letter_and_the_rest_goes_elsewhere():
    async with hosts(PIPELINING | {"MAIL": ["421 4.3.2 busy", "250 ok"]}) as (script, where):
        post = await carry(letters(3), max_connections=1, **where)
    assert sorted(post.verdicts) == ["accepted", "accepted", "deferred"]
    assert len(script.sessions) == 2


async def test_a_loss_leaves_one_letter_uncertain_and_the_one_behind_it_untried():
    async with hosts(PIPELINING | {".": [HANG_UP, "250 ok"]}) as (_, where):
        post = await carry(letters(3), max_connections=1, **where)
    assert post.verdicts == ["uncertain", "accepted", "accepted"]
    assert [name for name, _ in post.reported] == [f"u{n}@shop.example" for n in range(3)]


async def test_a_refused_reset_leaves_the_letter_behind_it_untried():
    refusing = {"RCPT": ["550 no", "250 ok"], "DATA": ["503 no", "354 go"], "RSET": "500 what"}
    async with hosts(PIPELINING | refusing) as (script, where):
        post = await carry(letters(2), max_connections=1, **where)
    assert post.verdicts == ["refused", "accepted"]
    assert len(script.sessions) == 2


async def test_chunks_carry_the_message_as_it_is():
    message = b"Subject: x\r\n\r\n.\r\n..y\r\n"
    outcome, script = await send(CHUNKING, letter(message=message))
    assert (outcome.verdict, outcome.phase) == (Verdict.accepted, Phase.end_of_data)
    assert script.messages == [message]
    assert script.lines[3] == f"BDAT {len(message)} LAST"


async def test_a_refused_recipient_of_a_chunk_is_refused_and_the_next_goes():
    refusing = {"RCPT": ["550 5.1.1 no", "250 ok"]}
    (first, second), script = await send(CHUNKING | refusing, letter(), letter("b@shop.example"))
    assert (first.verdict, first.phase) == (Verdict.refused, Phase.rcpt)
    assert second.verdict is Verdict.accepted
    assert script.lines.count("RSET") == 1


async def test_of_a_refused_recipient_the_host_hears_no_message():
    """A host that does not skip a refused chunk would take its text for commands."""
    message = b"Subject: x\r\n\r\nRSET\r\nMAIL FROM:<ceo@bank.example>\r\n"
    outcome, script = await send(CHUNKING | {"RCPT": "550 5.1.1 no"}, letter(message=message))
    assert outcome.phase is Phase.rcpt
    assert not [line for line in script.lines if line.startswith(("BDAT", "MAIL FROM:<ceo"))]


@pytest.mark.parametrize(
    ("phase", "verdict"), [("MAIL", "deferred"), ("RCPT", "deferred"), ("BDAT", "uncertain")]
)
async def test_only_a_chunk_that_was_sent_is_uncertain_when_the_connection_is_lost(phase, verdict):
    outcome, _ = await send(CHUNKING | {phase: HANG_UP})
    assert (outcome.verdict, outcome.reason) == (verdict, "connection-lost")


async def test_the_next_envelope_follows_behind_a_chunk_and_a_reset():
    async with hosts(CHUNKING | {"BDAT": ["552 5.3.4 no", "250 ok"]}) as (script, where):
        post = await carry(letters(2), max_connections=1, **where)
    assert post.verdicts == ["refused", "accepted"]
    after = [line.split()[0] for line in script.lines[3:7]]
    assert after == ["BDAT", "RSET", "MAIL", "RCPT"]
    assert len(script.sessions) == 1


async def test_421_to_a_chunk_defers_it():
    outcome, _ = await send(CHUNKING | {"BDAT": "421 4.3.2 closing"})
    assert (outcome.verdict, outcome.phase) == (Verdict.deferred, Phase.end_of_data)


async def test_a_long_letter_goes_by_data_although_chunks_are_offered():
    message = b"a: b\r\n\r\n" + b"0123456789\r\n" * 6_000
    outcome, script = await send(CHUNKING, letter(message=message))
    assert outcome.verdict is Verdict.accepted
    assert "DATA" in script.lines
