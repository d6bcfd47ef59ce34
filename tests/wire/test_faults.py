"""Faults of our own, or that one host brings out: one letter's or place's, never the others'."""

import asyncio

import pytest

from tests.support.hostile import BAD, GOOD, NAMES
from tests.support.names import nameserver
from tests.support.post import SOURCE, Post, carry, letter, letters
from tests.support.sessions import knock, send
from tests.support.smtp_script import scripted
from tests.wire.test_courier import hosts
from tests.wire.test_pipelining import PIPELINING
from wire.courier import Courier
from wire.dns import Resolver
from wire.exchange import Exchange
from wire.letters import Policy
from wire.outcomes import Outcome, Phase, Verdict
from wire.places import Place
from wire.rounds import Round
from wire.smtp import Session


def fault(*_args, **_kwargs):
    raise LookupError("a fault of ours")


async def to_both(replies=None):
    """Two letters each to a host that may be odd and to one that is not."""
    batch = [*letters(2, "bad.example"), *letters(2, "good.example")]
    async with (
        scripted(replies, host=BAD) as bad,
        scripted(host=GOOD, port=bad.port),
        nameserver(*NAMES) as names,
    ):
        post = await carry(batch, names=names.address, port=bad.port)
    assert sorted(name for name, _ in post.reported) == sorted(one.recipient for one in batch)
    return post


def of_domain(post: Post, domain: str) -> list[Outcome]:
    return [outcome for name, outcome in post.reported if name.endswith(f"@{domain}")]


@pytest.mark.parametrize(
    "size",
    ["9" * 5000, "9" * 21, "-1", "1 2", "\N{ARABIC-INDIC DIGIT THREE}", "\N{SUPERSCRIPT TWO}"],
)
async def test_a_size_that_is_none_sets_no_limit_and_hurts_nobody(size):
    post = await to_both({"EHLO": f"250-bad.example\n250 SIZE {size}"})
    assert post.verdicts == ["accepted"] * 4


async def test_the_largest_size_there_can_be_is_a_limit():
    outcome, _ = await send({"EHLO": "250-fake.example\n250 SIZE 00000000000000000020"})
    assert outcome.reason == "too-large"


async def test_a_fault_at_the_opening_is_this_connections_only(monkeypatch, caplog):
    monkeypatch.setattr("wire.smtp.offers_of", fault)
    async with scripted() as script:
        outcome = await knock(script)
        await asyncio.sleep(0.01)
        assert all(task.done() for task in script.tasks)  # nothing is left open
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict, outcome.phase, outcome.reason) == (
        Verdict.deferred, Phase.ehlo, "protocol-error",
    )  # fmt: skip
    assert "-- unforeseen: LookupError('a fault of ours')" in outcome.conversation
    assert "opening to fake.example [127.0.0.1], at ehlo" in caplog.text


@pytest.mark.parametrize(
    ("where", "verdict", "phase"),
    [("_hand_over", Verdict.deferred, "mail"), ("_ended", Verdict.uncertain, "end-of-data")],
)
async def test_a_fault_in_a_transaction_is_that_letters_only(
    monkeypatch, caplog, where, verdict, phase
):
    monkeypatch.setattr(Exchange, where, fault)
    async with scripted() as script:
        session = await knock(script)
        outcome = await session.deliver(letter())
        assert not session.is_open
    assert (outcome.verdict, outcome.phase, outcome.reason) == (verdict, phase, "protocol-error")
    assert "LookupError" in caplog.text


async def test_a_fault_at_the_beginning_does_not_touch_the_letter_before_it(monkeypatch):
    real = Exchange.announce

    def announce(self, transaction):
        return fault() if transaction.letter.key == 1 else real(self, transaction)

    monkeypatch.setattr(Exchange, "announce", announce)
    async with hosts(PIPELINING) as (script, where):
        post = await carry(letters(3), max_connections=1, **where)
    assert post.verdicts == ["accepted", "deferred", "accepted"]
    assert post["u1@shop.example"].reason == "protocol-error"
    assert len(script.messages) == 2


@pytest.mark.parametrize(("owner", "name"), [(Place, "open"), (Session, "finish")])
async def test_a_fault_about_one_place_defers_its_letters_and_no_others(
    monkeypatch, caplog, owner, name
):
    real = getattr(owner, name)

    async def odd(self, *args):
        text = str(self.hosts) if isinstance(self, Place) else self.door.host
        return fault() if "bad.example" in text else await real(self, *args)

    monkeypatch.setattr(owner, name, odd)
    post = await to_both()
    assert [one.verdict for one in of_domain(post, "good.example")] == ["accepted"] * 2
    bad = of_domain(post, "bad.example")
    assert [(one.verdict, one.reason) for one in bad] == [("deferred", "internal-error")] * 2
    assert "-- a fault of this software: LookupError" in bad[0].conversation
    assert "bad.example" in caplog.text


async def test_a_fault_about_one_domain_defers_its_letters_and_no_others(monkeypatch, caplog):
    real = Round._file

    def odd(self, found, policy, batch):
        return fault() if batch[0].domain == "bad.example" else real(self, found, policy, batch)

    monkeypatch.setattr(Round, "_file", odd)
    post = await to_both()
    bad = of_domain(post, "bad.example")
    assert [(one.phase, one.reason) for one in bad] == [("dns", "internal-error")] * 2
    assert [one.verdict for one in of_domain(post, "good.example")] == ["accepted"] * 2
    assert "the way to bad.example" in caplog.text


# --- what the caller's own code raises ----------------------------------------------------------


async def round_of(count, where, *, report, may_continue=lambda: True, **policy):
    courier = Courier(
        resolver=Resolver([where["names"]]),
        source=SOURCE,
        policy=Policy(port=where["port"], max_connections=1, **policy),
    )
    with pytest.raises(ExceptionGroup) as caught:
        await courier.carry(letters(count), report=report, may_continue=may_continue)
    assert caught.group_contains(LookupError)
    await asyncio.sleep(0.01)


async def test_when_the_question_fails_the_letter_on_its_way_has_its_report():
    answers = iter([True])
    heard: list[Outcome] = []
    async with hosts(PIPELINING) as (script, where):
        await round_of(
            3,
            where,
            report=lambda _letter, outcome: heard.append(outcome),
            may_continue=lambda: next(answers, None) or fault(),
        )
    assert [one.verdict for one in heard] == ["accepted"]
    assert len(script.messages) == 1


async def test_when_the_report_fails_no_further_letter_leaves():
    async with hosts(PIPELINING) as (script, where):
        await round_of(3, where, report=fault)
    assert len(script.messages) == 1


async def test_when_the_pace_fails_nothing_leaves():
    async with hosts() as (script, where):
        await round_of(2, where, report=fault, pace=fault)
    assert script.messages == []
