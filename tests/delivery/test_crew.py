"""The lanes of one process: several wait at once, a busy process takes no more."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from delivery import crew, queues
from delivery.crew import Berth, Crew


class Doors:
    """Work that stands still until it is let out."""

    def __init__(self) -> None:
        self.out = threading.Event()
        self.berths: list[Berth] = []

    def work(self, berth: Berth) -> None:
        self.berths.append(berth)
        assert self.out.wait(10)


@pytest.fixture
def doors(valkey: Any, transactional_db: None) -> Iterator[Doors]:
    made = Doors()
    yield made
    made.out.set()


def once() -> Callable[[], bool]:
    """Wait for one look, then give up."""
    answers = iter([True])
    return lambda: next(answers, False)


def test_lanes_that_wait_share_a_process(doors: Doors) -> None:
    ours = Crew(berths=3)
    for _ in range(3):
        assert ours.take_on(doors.work, urgent=False, may_wait=once())
    assert not ours.take_on(doors.work, urgent=False, may_wait=once())
    assert len(doors.berths) == 3


def test_transactional_lanes_have_berths_of_their_own(doors: Doors) -> None:
    ours = Crew(berths=1, urgent=1)
    assert ours.take_on(doors.work, urgent=False, may_wait=once())
    assert ours.take_on(doors.work, urgent=True, may_wait=once())
    assert not ours.take_on(doors.work, urgent=True, may_wait=once())


def test_a_lane_with_nothing_but_stragglers_makes_room(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "MOST_LEFT", 1)
    ours = Crew(berths=1)
    ours.take_on(doors.work, urgent=False, may_wait=once())
    assert doors.berths[0].leave()
    assert ours.take_on(doors.work, urgent=False, may_wait=once())
    assert not doors.berths[1].leave()  # so many may be left behind, and no more


def test_the_end_waits_for_all_and_tells_them_to_begin_nothing_more(doors: Doors) -> None:
    ours = Crew()
    ours.take_on(doors.work, urgent=False, may_wait=once())
    ending = threading.Thread(target=ours.end)
    ending.start()
    ending.join(0.05)
    assert ending.is_alive()
    assert not doors.berths[0].goes_on()
    doors.out.set()
    ending.join(5)
    assert not ending.is_alive()


def test_an_error_ends_its_lane_only_and_is_logged(
    doors: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(berth: Berth) -> None:
        raise ValueError("no")

    ours = Crew(berths=1)
    assert ours.take_on(fail, urgent=False, may_wait=once())
    assert ours.take_on(doors.work, urgent=False, may_wait=once())
    assert "A lane ended with an error" in caplog.text


def spin(berth: Berth) -> None:
    ends = time.monotonic() + 0.5
    while time.monotonic() < ends:
        pass


def test_a_busy_process_takes_no_other_lane(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "BUSY", 0.02)  # others may have the cores meanwhile
    began = time.monotonic()
    assert Crew().take_on(spin, urgent=False, may_wait=once())
    assert time.monotonic() - began > 0.4


def test_a_busy_process_looks_for_what_is_urgent(doors: Doors, valkey: Any) -> None:
    valkey.lpush(queues.key_of(queues.EXPRESS), "a task")
    began = time.monotonic()
    assert Crew().take_on(spin, urgent=False, may_wait=once())
    assert time.monotonic() - began < 0.4
