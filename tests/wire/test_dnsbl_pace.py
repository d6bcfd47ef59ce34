"""No list is asked more often than it allows."""

import asyncio
from itertools import pairwise
from random import Random

from tests.support.blocklists import rule
from wire.dnsbl_pace import DAY, Pace, Paces


def pace(*, per_second=0.0, per_day=0, spent=0, now=None):
    moment = now or [0.0]
    return Pace(per_second, per_day, spent=spent, random=Random(1), clock=lambda: moment[0])


def test_a_day_has_so_many_questions_and_the_next_one_as_many():
    now = [DAY - 1.0]
    held = pace(per_day=10, spent=4, now=now)
    assert [held.take(4), held.take(4), held.take(4)] == [4, 2, 0]
    now[0] += 2
    assert (held.take(12), held.asked) == (10, 10)


def test_without_a_limit_all_may_be_asked():
    assert pace().take(1000) == 1000


async def test_a_rate_is_kept_but_not_on_a_beat():
    loop = asyncio.get_running_loop()
    held = Pace(100, 0, spent=0, random=Random(1), clock=loop.time)
    moments = []
    for _ in range(12):
        await held.wait()
        moments.append(loop.time())
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert 0.09 < sum(gaps) < 0.5
    assert max(gaps) > min(gaps)


async def test_each_list_has_its_own_pace_and_what_was_spent_counts():
    paces = Paces({"a": 2}, random=Random(1))
    a, b = rule("a", per_day=3), rule("b", per_second=1000, per_day=3)
    assert [await paces.turn(a), await paces.turn(a)] == [True, False]
    assert await paces.turns(b, 5) == 3
    assert paces.asked == {"a": 3, "b": 3}
