"""The watch over a running batch: what it stops, what it keeps until the end, when it lets go."""

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from delivery import connections, live, marks, watch
from delivery.lanes import Lane
from delivery.watch import Watch

LANE = Lane(1, 2, "other", 200)


class Batch:
    """Letters on their way; `ask` is what the batch asks before each new one."""

    def __init__(self, seconds: float, letters: int = 1) -> None:
        self.seconds = seconds
        self.letters: list[Any] = list(range(letters))
        self.ask: Callable[[], bool] = lambda: True
        self.errand = marks.take(LANE)
        assert self.errand is not None
        marks.start(self.errand)

    async def carry(
        self,
        letters: Sequence[Any],
        *,
        report: Any,
        may_continue: Callable[[], bool],
        may_hand_over: Callable[[], bool],
    ) -> list[Any]:
        self.ask = may_continue
        await asyncio.sleep(self.seconds)
        return []

    def under(self, **terms: Any) -> Watch:
        usual: dict[str, Any] = {
            "errand": self.errand,
            "epoch": live.epoch(),
            "lease": SimpleNamespace(holds=lambda: True),
            "goes_on": lambda: True,
            "keep": lambda: True,
            "leave": lambda: False,
        }
        return Watch(**usual | terms)

    def run(self, found: Watch) -> None:
        asyncio.run(found.over(self.carry, self.letters, lambda letter, outcome: None))


def test_a_new_epoch_stops_the_batch(valkey: Any) -> None:
    batch = Batch(0.5)
    found = batch.under()
    assert found.may_continue()
    live.announce()
    batch.run(found)
    assert not batch.ask()
    assert not found.may_hand_over()


def test_a_batch_that_is_called_off_lets_the_letters_go_that_it_has_taken_up(valkey: Any) -> None:
    batch = Batch(0.5)
    found = batch.under(goes_on=lambda: False)
    batch.run(found)
    assert not found.may_continue()
    assert found.may_hand_over()


def test_a_new_epoch_recalls_the_letters_of_a_batch_that_is_called_off(valkey: Any) -> None:
    batch = Batch(0.5)
    found = batch.under()
    found.stop()
    live.announce()
    batch.run(found)
    assert not found.may_hand_over()


def test_a_stopped_batch_keeps_its_connections_while_its_letters_are_on_their_way(
    valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HOLD_SECONDS", 0.5)
    held = connections.take(name="2:other", most=1)
    batch = Batch(1.2)
    found = batch.under(keep=lambda: connections.keep(held))
    found.stop()
    batch.run(found)
    assert connections.take(name="2:other", most=1).count == 0


def test_a_batch_that_is_called_off_for_urgent_mail_keeps_its_connection_until_the_end(
    valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HOLD_SECONDS", 0.5)
    held = connections.take(name="2:other", most=1)
    batch = Batch(1.2)
    found = batch.under(keep=lambda: connections.keep(held))
    assert connections.take(name="2:other", most=1, urgent=True).count == 0  # this is the call
    batch.run(found)
    assert not found.may_continue()
    assert connections.take(name="2:other", most=1, urgent=True).count == 0
    connections.leave(held)
    assert connections.take(name="2:other", most=1, urgent=True).count == 1


def test_stragglers_let_their_lane_go(valkey: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "QUIET_SECONDS", 0.1)
    batch = Batch(0.6)
    batch.run(batch.under(leave=lambda: True))
    assert marks.take(LANE) is not None


def test_a_batch_with_many_letters_under_way_keeps_its_lane(
    valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "QUIET_SECONDS", 0.1)
    batch = Batch(0.6, letters=watch.STRAGGLERS + 1)
    batch.run(batch.under(leave=lambda: True))
    assert marks.take(LANE) is None


def test_without_valkey_nothing_more_is_begun(valkey: Any, settings: Any) -> None:
    batch = Batch(0.4)
    found = batch.under(epoch=live.epoch())

    def fail() -> bool:
        raise redis.ConnectionError("away")

    found = batch.under(keep=fail)
    batch.run(found)
    assert not found.may_continue()
    assert not found.may_hand_over()
