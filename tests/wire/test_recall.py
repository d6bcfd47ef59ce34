"""Letters that come back: called back before they left, or their connection had gone before."""

import asyncio
import contextlib

import pytest

from tests.support.post import MESSAGE, Post, carry, letter, letters
from tests.support.sessions import knock
from tests.support.smtp_script import FRIENDLY, HANG_UP, Script, scripted
from tests.wire.test_courier import hosts
from tests.wire.test_pipelining import CHUNKING, PIPELINING
from wire.letters import Relay
from wire.outcomes import Phase, Verdict

PLAIN = {"EHLO": "250 fake.example"}
PAUSE = 0.25  # longer than an answer is fresh


class Slow(Script):
    """Takes its time for every reply."""

    async def _answer(self, writer, reply):
        await asyncio.sleep(PAUSE)
        return await super()._answer(writer, reply)


@contextlib.asynccontextmanager
async def slow(replies):
    script = Slow({**FRIENDLY, **replies})
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.host, script.port = server.sockets[0].getsockname()[:2]
    yield script
    server.close()
    for task in script.tasks:
        task.cancel()
    await asyncio.gather(*script.tasks, return_exceptions=True)
    await asyncio.sleep(0.01)


async def carried(script, stopped_by, count=3, **more) -> Post:
    """A round that is told to stop when the host hears such a line, "." being a message's end."""

    def may_continue():
        heard = [line.split()[0] for line in script.lines] + ["."] * len(script.messages)
        return stopped_by not in heard

    return await carry(
        letters(count), relay=Relay(script.host, script.port, "none"), max_connections=1,
        command_timeout=5, data_timeout=5, may_continue=may_continue, **more,
    )  # fmt: skip


@pytest.mark.parametrize("offers", [PLAIN, PIPELINING, CHUNKING])
async def test_after_a_stop_no_message_leaves_to_a_slow_host(offers):
    async with slow(offers) as script:
        post = await carried(script, "MAIL")
    assert (script.messages, post.reported, len(post.left)) == ([], [], 3)
    assert [one.key for one in post.left] == [0, 1, 2]


@pytest.mark.parametrize("offers", [PIPELINING, CHUNKING])
async def test_an_envelope_behind_a_message_comes_to_nothing_after_a_stop(offers):
    async with slow(offers) as script:
        post = await carried(script, ".")
    assert script.messages == [MESSAGE]
    assert post.verdicts == ["accepted"]
    assert [one.key for one in post.left] == [1, 2]
    assert len([line for line in script.lines if line.startswith("MAIL")]) == 2


async def test_after_a_354_the_connection_is_cut_and_before_it_the_envelope_is_taken_back():
    async with slow(PIPELINING) as script:
        await carried(script, "MAIL", count=1)
    assert script.lines[-1] == "DATA"
    async with slow(CHUNKING) as script:
        await carried(script, "MAIL", count=1)
    assert [line.split()[0] for line in script.lines[-3:]] == ["RCPT", "RSET", "QUIT"]


async def test_a_stop_while_the_host_resets_lets_no_further_letter_begin():
    async with slow({**PLAIN, "RCPT": "550 5.1.1 no"}) as script:
        post = await carried(script, "RSET")
    assert post.verdicts == ["refused"]
    assert [one.key for one in post.left] == [1, 2]
    assert [line.split()[0] for line in script.lines] == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]


async def test_a_host_that_takes_longer_than_a_round_still_gets_the_letter_taken_up_for_it():
    async with slow(PIPELINING) as script:
        post = await carried(script, "EHLO", may_hand_over=lambda: True)
    assert post.verdicts == ["accepted"]
    assert [one.key for one in post.left] == [1, 2]
    assert len(script.messages) == 1


async def test_the_question_is_asked_a_few_times_a_second_only():
    asked: list[int] = []

    def may_hand_over():
        asked.append(1)
        return True

    async with hosts(PIPELINING) as (_, where):
        post = await carry(letters(50), may_hand_over=may_hand_over, **where)
    assert post.verdicts == ["accepted"] * 50
    assert len(asked) < 5


@pytest.mark.parametrize("offers", [PLAIN, PIPELINING, CHUNKING])
async def test_a_letter_whose_connection_had_gone_before_it_goes_over_a_new_one(offers):
    gone = {"MAIL": ["250 ok", HANG_UP, "250 ok"]}
    async with hosts(offers | gone) as (script, where):
        post = await carry(letters(4), max_connections=1, **where)
    assert post.verdicts == ["accepted"] * 4
    assert len(script.messages) == 4
    assert len(script.sessions) == 2


@pytest.mark.parametrize("offers", [PLAIN, PIPELINING])
async def test_a_letter_that_a_new_connection_is_lost_for_waits(offers):
    gone = {"MAIL": ["250 ok", HANG_UP, HANG_UP, "250 ok"]}
    async with hosts(offers | gone) as (script, where):
        post = await carry(letters(3), max_connections=1, **where)
    assert post.verdicts == ["accepted", "deferred", "accepted"]
    outcome = post["u1@shop.example"]
    assert (outcome.phase, outcome.reason) == (Phase.mail, "connection-lost")
    assert len(script.sessions) == 3


@pytest.mark.parametrize(("may_come_back", "verdict"), [(True, None), (False, Verdict.deferred)])
async def test_a_letter_comes_back_as_often_as_it_may(may_come_back, verdict):
    async with scripted({"MAIL": ["250 ok", HANG_UP]}) as script:
        session = await knock(script)
        await session.deliver(letter())
        second = session.begin(letter(), may_come_back=may_come_back)
        outcome = await session.finish(second)
    assert (outcome and outcome.verdict) == verdict
    assert not session.is_open


async def test_the_first_letter_of_a_connection_never_comes_back():
    async with scripted({"MAIL": HANG_UP}) as script:
        session = await knock(script)
        outcome = await session.finish(session.begin(letter(), may_come_back=True))
    assert outcome is not None
    assert outcome.verdict is Verdict.deferred
