"""Limits in Valkey: they hold whoever asks, and nobody gains by a restart."""

import threading
import time
from typing import Any

import pytest

from delivery import buckets, connections, live, queues, windows
from delivery.buckets import Rate
from delivery.pace import NO_ANSWER, Pace
from delivery.windows import Window

pytestmark = pytest.mark.usefixtures("valkey")
RATE = Rate(per_second=100.0)


def fill(name: str = "1:r", rate: Rate = RATE, seconds: float = 0.3) -> None:
    """Let a new bucket fill up."""
    buckets.take(name=name, rate=rate, wanted=1)
    time.sleep(seconds)


def test_a_new_bucket_is_empty_and_fills_with_time() -> None:
    first = buckets.take(name="1:r", rate=RATE, wanted=5)
    assert first.count == 0
    assert 0.009 < first.wait <= 0.01
    time.sleep(0.06)
    assert 5 <= buckets.take(name="1:r", rate=RATE, wanted=10).count <= 10


def test_a_bucket_holds_a_quarter_of_a_second() -> None:
    fill(seconds=0.4)
    assert buckets.take(name="1:r", rate=RATE, wanted=1000).count == 25


def test_the_stricter_of_both_limits_decides() -> None:
    both = Rate(per_second=100.0, per_hour=3600)
    assert both.sustained == 1.0
    fill(rate=both)
    taken = buckets.take(name="1:r", rate=both, wanted=50)
    assert taken.count == 0
    assert 0.5 < taken.wait < 1.0


def test_a_limit_that_was_not_set_before_begins_empty() -> None:
    fill()
    assert buckets.take(name="1:r", rate=RATE, wanted=20).count == 20
    hourly = Rate(per_hour=36_000)
    assert buckets.take(name="1:r", rate=hourly, wanted=20).count <= 1


def test_what_is_given_back_can_be_taken_again() -> None:
    fill()
    buckets.take(name="1:r", rate=RATE, wanted=25)
    buckets.give_back(name="1:r", rate=RATE, count=20)
    assert buckets.take(name="1:r", rate=RATE, wanted=25).count >= 20
    buckets.give_back(name="1:r", rate=RATE, count=1000)
    assert buckets.take(name="1:r", rate=RATE, wanted=1000).count == 25


def test_after_a_lost_valkey_there_is_no_second_burst(valkey: Any) -> None:
    fill()
    assert buckets.take(name="1:r", rate=RATE, wanted=25).count == 25
    valkey.flushdb()
    valkey.script_flush()
    assert buckets.take(name="1:r", rate=RATE, wanted=25).count == 0


def test_urgent_mail_that_waits_goes_before_the_rest() -> None:
    slow = Rate(per_second=10.0)
    assert buckets.take(name="1:r", rate=slow, wanted=1, urgent=True).count == 0
    time.sleep(0.12)
    assert buckets.take(name="1:r", rate=slow, wanted=1).count == 0
    assert buckets.take(name="1:r", rate=slow, wanted=1, urgent=True).count == 1
    time.sleep(0.12)
    assert buckets.take(name="1:r", rate=slow, wanted=1).count == 1


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_the_rate_is_the_same_for_any_number_of_workers(workers: int) -> None:
    counts: list[int] = []
    ends = time.monotonic() + 0.5

    def work() -> None:
        pace = Pace(name="1:r", rate=Rate(per_second=200.0))
        while time.monotonic() < ends:
            time.sleep(min(pace(), 0.01))
        pace.close()
        counts.append(pace.used)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 60 <= sum(counts) <= 105  # a busy machine may come late, but never too often


def test_a_pace_asks_once_for_a_tenth_of_a_second_and_gives_back_the_rest() -> None:
    fill()
    pace = Pace(name="1:r", rate=RATE)
    assert [pace() for _ in range(3)] == [0.0, 0.0, 0.0]
    pace.close()
    assert buckets.take(name="1:r", rate=RATE, wanted=100).count >= 22


def test_without_valkey_nobody_has_leave(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    live._connection.cache_clear()
    assert Pace(name="1:r", rate=RATE)() == NO_ANSWER
    live._connection.cache_clear()


def test_connections_are_lent_up_to_the_limit_and_one_is_left_for_urgent_mail() -> None:
    bulk = connections.take(name="1:r", most=5)
    assert bulk.count == 4
    assert connections.take(name="1:r", most=5).count == 0
    urgent = connections.take(name="1:r", most=5, urgent=True)
    assert urgent.count == 1
    connections.leave(bulk)
    assert connections.take(name="1:r", most=5, urgent=True).count == 4


def test_the_only_connection_is_given_up_for_urgent_mail() -> None:
    bulk = connections.take(name="1:r", most=1)
    assert (bulk.count, connections.keep(bulk)) == (1, True)
    assert connections.take(name="1:r", most=1, urgent=True).count == 0
    assert not connections.keep(bulk)
    connections.leave(bulk)
    assert connections.take(name="1:r", most=1).count == 0
    assert connections.take(name="1:r", most=1, urgent=True).count == 1


def test_a_lent_connection_comes_back_when_its_holder_dies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "HOLD_SECONDS", 0.05)
    assert connections.take(name="1:r", most=3).count == 2
    time.sleep(0.06)
    assert connections.take(name="1:r", most=3).count == 2


def test_after_a_lost_valkey_holders_enter_themselves_again_before_others_are_lent_any(
    valkey: Any,
) -> None:
    held = connections.take(name="1:r", most=3)
    valkey.flushdb()
    assert connections.take(name="1:r", most=3).count == 0
    assert connections.keep(held)
    valkey.set(connections.SINCE_KEY, 0)  # a while later
    assert connections.take(name="1:r", most=3).count == 0
    connections.leave(held)
    assert connections.take(name="1:r", most=3).count == 2


def window(
    limit: int, used: int = 0, *, name: str = "hour:1", books: list[int] | None = None
) -> Window:
    from datetime import UTC, datetime

    since = datetime(2026, 3, 2, 1, tzinfo=UTC)
    return Window(name, since, 3600, limit, lambda _since: books[0] if books else used)


def test_a_window_is_set_from_the_books_and_never_passes_its_limit() -> None:
    found = window(10, used=7)
    taken = windows.take([found], 5)
    assert taken.count == 3
    assert windows.take([found], 5).count == 0
    assert windows.is_used_up([found])
    windows.give_back(taken, 2)
    assert windows.left(found) == 2


def test_a_window_that_was_lost_is_counted_anew(valkey: Any) -> None:
    assert windows.left(window(10, used=4)) == 6
    valkey.flushdb()
    assert windows.take([window(10, used=9)], 5).count == 1


def test_to_a_counter_that_was_lost_nothing_is_given_back(valkey: Any) -> None:
    books = [0]
    found = window(100, books=books)
    taken = windows.take([found], 100)
    valkey.flushdb()
    books[0] = 40  # what of it went out, and is recorded
    assert windows.left(found) == 60
    windows.give_back(taken, 60)
    assert windows.left(found) == 60


def test_of_two_counters_the_one_that_was_lost_gets_nothing_back(valkey: Any) -> None:
    hour, day = window(10, name="hour:1"), window(100, name="day:1")
    taken = windows.take([hour, day], 8)
    valkey.delete(hour.key)
    assert windows.left(hour) == 10
    windows.give_back(taken, 5)
    assert (windows.left(hour), windows.left(day)) == (10, 97)


def test_no_counter_goes_below_nothing(valkey: Any) -> None:
    hour, day = window(10, name="hour:1"), window(10, used=5, name="day:1")
    taken = windows.take([hour, day], 2)
    windows.give_back(taken, 2)
    windows.give_back(taken, 4)  # twice, as no caller does
    assert (windows.left(hour), windows.left(day)) == (10, 9)
    windows.give_back(taken, -1)  # more was used than taken
    assert windows.left(hour) == 10


@pytest.mark.parametrize(
    ("waiting", "seconds", "gives_way"),
    [
        ([], 60, False),
        ([queues.EXPRESS], 0, True),
        ([queues.BULK], 1, False),
        ([queues.BULK], 4, True),
    ],
)
def test_a_bulk_batch_gives_way_to_those_that_wait(
    valkey: Any, waiting: list[int], seconds: float, gives_way: bool
) -> None:
    for priority in waiting:
        valkey.lpush(queues.key_of(priority), "task")
    assert queues.should_give_way(seconds=seconds) is gives_way


def test_one_batch_gives_way_not_all(valkey: Any) -> None:
    valkey.lpush(queues.key_of(queues.EXPRESS), "task")
    assert [queues.should_give_way(seconds=9) for _ in range(3)] == [True, False, False]


def test_the_broker_names_its_lists_as_we_look_for_them(valkey: Any) -> None:
    from delivery import tasks

    for priority in (queues.EXPRESS, queues.BULK):
        lane = {"pool_id": 1, "ip_id": 1, "destination": "other", "share": 1}
        errand = {**lane, "is_express": False, "mark": "x"}
        tasks.send.apply_async(kwargs=errand, priority=priority)
        assert valkey.llen(queues.key_of(priority)) == 1
