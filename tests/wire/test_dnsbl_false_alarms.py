"""The table of false alarms: whatever a list or a resolver does, nobody is listed by mistake, and
operators are told what is wrong."""

import asyncio

import pytest

from sandbox.dnsbl import ListFault
from tests.support.blocklists import FREE, LISTED, QUICK, ZONE, box, check, rule, troubles
from wire.dnsbl import Clean, Listed, Policy, Refused, Trouble, Unknown, target

RESOURCES = (LISTED, FREE, "198.18.0.8")


def answers(address):
    return ListFault("answers", address=address)


DEAD = [
    (ListFault("refuses"), Refused, "refused"),
    (ListFault("fails"), Unknown, "failing"),
    (ListFault("silent"), Unknown, "no-answer"),
    (ListFault("empty"), Unknown, "lists-none"),
    (answers("127.0.0.2"), Unknown, "lists-all"),
    (answers("127.0.0.1"), Unknown, "odd-code"),
    (answers("127.0.1.255"), Unknown, "odd-code"),
    (answers("127.255.255.252"), Refused, "refused"),
    (answers("127.255.255.254"), Refused, "refused"),
    (answers("127.255.255.255"), Refused, "refused"),
    (answers("10.1.2.3"), Unknown, "rewritten"),
    (ListFault("rewrites", address="203.0.113.80"), Unknown, "rewritten"),
    (ListFault("rewrites", address="127.0.0.2"), Unknown, "lists-all"),
]


@pytest.mark.parametrize(("fault", "kind", "told"), DEAD)
async def test_a_list_that_fails_lists_nobody_and_is_told_once(fault, kind, told):
    async with box(fault) as held, held.watch() as watch:
        results = await check(watch, rule(), *RESOURCES)
    assert [type(result) for result in results] == [kind] * 3
    assert held.told() == [told]
    assert held.notices[0].list == ZONE


@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [
        (ListFault("refuses", only=(FREE,)), Refused, ["refused"]),
        (ListFault("fails", only=(FREE,)), Unknown, []),
        (ListFault("silent", only=(FREE,)), Unknown, []),
        (ListFault("answers", address="127.0.0.1", only=(FREE,)), Unknown, ["odd-code"]),
        (ListFault("answers", address="127.0.1.255", only=(FREE,)), Unknown, ["odd-code"]),
        (ListFault("answers", address="127.255.255.254", only=(FREE,)), Refused, ["refused"]),
        (ListFault("answers", address="10.1.2.3", only=(FREE,)), Unknown, ["rewritten"]),
    ],
)
async def test_one_odd_answer_of_a_list_that_works_is_no_listing(fault, kind, told):
    async with box(fault) as held, held.watch() as watch:
        results = await check(watch, rule(), LISTED, FREE)
    assert [type(result) for result in results] == [Listed, kind]
    assert held.told() == told


@pytest.mark.parametrize("fault", [fault for fault, _, _ in DEAD])
async def test_a_list_that_fails_between_two_self_tests_lists_nobody(fault):
    async with box() as held, held.watch(policy=Policy(timeout=0.1, trust=0.0)) as watch:
        assert await check(watch, rule(), LISTED) == [
            Listed(("127.0.0.4",), "http://bl.box.test/66")
        ]
        held.lists.break_down(ZONE, fault)
        results = await check(watch, rule(), LISTED, FREE, LISTED)
    assert not any(isinstance(result, Listed) for result in results)


async def test_a_resolver_that_rewrites_is_told_once_for_all_lists():
    async with box(rewriting="203.0.113.80") as held, held.watch() as watch:
        results = await check(watch, rule(), LISTED, FREE)
        results += await check(watch, rule("gone.box.test"), LISTED)
    assert set(troubles(results)) == {Trouble.rewritten}
    assert [(notice.list, notice.trouble) for notice in held.notices] == [("", Trouble.rewritten)]


async def test_half_of_all_packets_lost_lists_nobody_and_is_told():
    resources = [target(f"198.18.0.{number}") for number in range(1, 66)]
    policy = Policy(timeout=0.05, attempts=12, window=32)
    results = []
    async with box(ListFault("loses", share=0.5)) as held, held.watch(policy=policy) as watch:
        for _ in range(2):
            await watch.sweep([(rule(), resources)], lambda *found: results.append(found[2]))
    assert len(results) == 130
    assert not any(isinstance(result, Listed) for result in results)
    assert "lossy" in held.told()
    assert "questions unanswered" in held.notices[held.told().index("lossy")].why


async def test_a_list_that_stops_answering_does_not_hold_up_the_sweep():
    resources = [target(f"198.18.1.{number}") for number in range(250)]
    results = []
    async with box() as held, held.watch(policy=Policy(timeout=0.1, passing_pause=60)) as watch:
        await check(watch, rule(), FREE)
        held.lists.break_down(ZONE, ListFault("silent"))
        async with asyncio.timeout(4):
            await watch.sweep([(rule(), resources)], lambda *found: results.append(found[2]))
    assert {result.trouble for result in results} == {Trouble.no_answer}
    assert held.told() == ["no-answer"]


@pytest.mark.parametrize("fault", [fault for fault, _, _ in DEAD])
async def test_a_list_comes_back_by_itself(fault):
    async with box(fault) as held, held.watch(policy=QUICK) as watch:
        await check(watch, rule(), LISTED)
        held.lists.break_down(ZONE, None)
        for _ in range(30):
            await asyncio.sleep(0.1)
            results = await check(watch, rule(), LISTED, FREE)
            if isinstance(results[0], Listed):
                break
    assert [type(result) for result in results] == [Listed, Clean]
    assert held.told()[-1] == ""


async def test_another_resolver_is_asked_when_one_lies():
    async with box(answers("127.255.255.254")) as refused, box() as good:
        async with refused.watch(good) as watch:
            results = await check(watch, rule(), LISTED, FREE)
        assert [type(result) for result in results] == [Listed, Clean]
        assert refused.told() == ["refused"]
        assert good.lists.asked > 0


async def test_another_resolver_is_asked_when_one_is_dead():
    async with box(ListFault("silent")) as dead, box() as good:
        dead.server.close()
        async with dead.watch(good) as watch:
            results = await check(watch, rule(), LISTED, FREE)
    assert [type(result) for result in results] == [Listed, Clean]
    assert dead.told() == ["no-answer"]
