"""The blocklist watch beside a real nameserver: what it asks, remembers and refuses to ask."""

import asyncio
from random import Random

import pytest

from sandbox.dnsbl import ListFault
from tests.support.blocklists import FREE, LISTED, ZONE, box, check, rule, troubles
from wire.dnsbl import Clean, Kind, Listed, Policy, Trouble, Unknown, Watch, target

EVERYTHING = rule(
    kinds=frozenset(Kind),
    listed={Kind.ip4: "127.0.0.2", Kind.ip6: "::ffff:7f00:2", Kind.domain: "test"},
)


async def test_addresses_and_domains_are_found_with_code_and_text():
    async with box() as held, held.watch(random=Random(3)) as watch:
        for resource in ("2001:db8:1::25", "mail.例え.example"):
            held.lists.enter(ZONE, resource, "127.0.0.2", "127.0.0.4", text="spam")
        results = await check(watch, EVERYTHING, LISTED, "2001:db8:1::25", "mail.例え.example")
        free = await check(watch, EVERYTHING, FREE, "2001:db8:1::26", "free.example")
    assert results[0] == Listed(("127.0.0.4",), "http://bl.box.test/66")
    codes = [set(result.codes) for result in results[1:] if isinstance(result, Listed)]
    assert codes == [{"127.0.0.2", "127.0.0.4"}] * 2
    assert free == [Clean()] * 3
    assert held.notices == []


async def test_a_sweep_asks_each_list_what_it_can_hold():
    heard = []
    targets = [target(text) for text in (LISTED, FREE, "2001:db8::1", "a.example")]
    names = rule("names.box.test", kinds=frozenset({Kind.domain}), listed={}, unlisted={})
    async with box() as held, held.watch() as watch:
        held.lists.add("names.box.test")
        work = [(rule(per_second=500), targets), (names, targets)]
        await watch.sweep(work, lambda *found: heard.append(found))
    assert sorted((held.name, one.text, type(said)) for held, one, said in heard) == [
        (ZONE, LISTED, Listed), (ZONE, FREE, Clean), ("names.box.test", "a.example", Clean),
    ]  # fmt: skip


async def test_clean_answers_are_remembered_and_fresh_ones_asked():
    async with box() as held, held.watch() as watch:
        await check(watch, rule(), FREE)
        before = held.lists.asked
        assert await check(watch, rule(), FREE) == [Clean()]
        assert held.lists.asked == before
        held.lists.enter(ZONE, FREE)
        assert isinstance(await watch.check(rule(), target(FREE), fresh=True), Listed)


async def test_nothing_is_remembered_of_a_list_that_is_out_of_use():
    async with box() as held, held.watch() as watch:
        await check(watch, rule(), FREE)
        held.lists.break_down(ZONE, ListFault("refuses"))
        (health,) = await watch.test(rule())
        assert health.trouble is Trouble.refused
        assert not isinstance(await watch.check(rule(), target(FREE)), Clean)
    assert watch.health[ZONE, held.notices[0].resolver] == health


async def test_a_self_test_is_shared_and_lasts():
    async with box() as held, held.watch() as watch:
        many = [f"198.18.0.{number}" for number in range(1, 31)]
        await asyncio.gather(*(watch.check(rule(), target(text)) for text in many))
    # Test entry, negative control, two made-up addresses; each target; none asked twice.
    assert held.lists.asked == 4 + 30
    assert {key[0] for key in watch.health} == {"", ZONE}
    assert all(health.proven for health in watch.health.values())


async def test_the_day_s_questions_end_and_what_was_asked_is_known():
    async with box() as held, held.watch(spent={ZONE: 3}) as watch:
        results = await check(watch, rule(per_day=8), FREE, "198.18.0.9")
        assert results[0] == Clean()
        assert results[1] == Unknown(Trouble.over_quota, f"{ZONE}: today's questions are used up")
        assert watch.asked == {ZONE: 8}
    assert held.lists.asked == 5


async def test_a_day_without_questions_left_puts_the_list_out_of_use():
    async with box() as held, held.watch(spent={ZONE: 8}) as watch:
        (result,) = await check(watch, rule(per_day=8), FREE)
    assert troubles([result]) == [Trouble.over_quota]
    assert held.told() == ["over-quota"]


async def test_the_text_may_be_lost_the_listing_is_not():
    async with box() as held, held.watch() as watch:
        (result,) = await check(watch, rule(per_day=5), LISTED)
        assert result == Listed(("127.0.0.4",))
    assert held.lists.asked == 5


async def test_a_name_too_long_is_neither_clean_nor_listed():
    names = rule(kinds=frozenset({Kind.domain}), listed={}, unlisted={})
    async with box() as held, held.watch() as watch:
        (result,) = await check(watch, names, ".".join(["a" * 60] * 4))
    assert troubles([result]) == [Trouble.unaskable]


async def test_a_list_is_not_asked_what_it_cannot_hold():
    async with box() as held, held.watch() as watch:
        with pytest.raises(ValueError, match=r"bl\.box\.test holds no domain"):
            await watch.check(rule(), target("a.example"))


async def test_without_a_resolver_nothing_is_known():
    async with Watch([], tell=print) as watch:
        (result,) = await check(watch, rule(), LISTED)
    assert result == Unknown(Trouble.no_answer, "no resolver is configured; set DNS_SERVERS")


def test_a_resolver_outside_loopback_may_be_forbidden():
    with pytest.raises(ValueError, match="is outside loopback"):
        Watch([("192.0.2.1", 53)], tell=print, loopback_only=True)


async def test_a_watch_that_is_not_open_says_so():
    watch = Watch([("127.0.0.1", 9)], tell=print)
    with pytest.raises(RuntimeError, match=r"127\.0\.0\.1:9 is not open"):
        await watch.check(rule(), target(FREE))


def test_a_watch_serves_one_loop_after_the_other():
    heard = []

    async def once(watch, address):
        async with watch:
            heard.extend(await check(watch, rule(), LISTED))

    async def twice():
        async with box() as held:
            watch = held.watch()
            await once(watch, held)
            await once(watch, held)

    asyncio.run(twice())
    assert [type(result) for result in heard] == [Listed, Listed]


async def test_a_lossy_resolver_is_asked_after_the_others_and_forgiven_in_time():
    async with box(ListFault("loses", share=0.6)) as bad, box() as good:
        policy = Policy(timeout=0.05, attempts=10, pause=0.2)
        async with bad.watch(good, policy=policy) as watch:
            server = watch._servers[0]
            server.count(asked=100, lost=60)
            assert watch._turns(rule())[0] is not server
            await asyncio.sleep(0.25)
            assert watch._turns(rule())[0] is server
            server.count(asked=100, lost=2)
    assert bad.told() == ["lossy", ""]
