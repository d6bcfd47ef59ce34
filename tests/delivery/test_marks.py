"""Marks of lanes: one task at a time, no lane starves, nobody touches another's mark."""

from typing import Any

import pytest

from delivery import marks
from delivery.lanes import Lane
from delivery.marks import Errand

LANE = Lane(1, 2, "other", 200)


def taken() -> Errand:
    errand = marks.take(LANE)
    assert errand is not None
    return errand


def lapse(valkey: Any) -> None:
    valkey.delete(marks.KEY + LANE.name)


def test_a_lane_has_one_task_at_a_time(valkey: Any) -> None:
    errand = taken()
    assert marks.take(LANE) is None
    assert marks.start(errand)
    assert marks.take(LANE) is None
    marks.leave(errand)
    assert marks.take(LANE) is not None


def test_a_task_whose_mark_lapsed_in_a_long_queue_starts_and_the_newer_one_does_not(
    valkey: Any,
) -> None:
    old = taken()
    lapse(valkey)
    new = taken()
    assert marks.start(old)
    assert not marks.start(new)
    assert not marks.wait(new)


def test_who_let_the_lane_go_does_not_touch_the_mark_of_the_next(valkey: Any) -> None:
    old = taken()
    marks.start(old)
    marks.leave(old)
    new = taken()
    marks.start(new)
    assert not marks.keep(old)
    marks.rest(old, 5)
    marks.leave(old)
    assert marks.take(LANE) is None
    assert marks.keep(new)


def test_a_resting_lane_gets_no_task_until_its_rest_is_over(valkey: Any) -> None:
    errand = taken()
    marks.start(errand)
    marks.rest(errand, 0.05)
    marks.leave(errand)
    assert marks.take(LANE) is None
    assert 0 < valkey.pttl(marks.KEY + LANE.name) <= 51


@pytest.mark.parametrize("op", [marks.wait, marks.keep])
def test_a_mark_that_valkey_lost_is_set_again(op: Any, valkey: Any) -> None:
    errand = taken()
    lapse(valkey)
    assert op(errand)
    assert marks.take(LANE) is None


def test_a_mark_lapses_when_nobody_renews_it(valkey: Any) -> None:
    taken()
    assert 14_000 < valkey.pttl(marks.KEY + LANE.name) <= 15_001
