"""Flags of running workers: an epoch is never used twice, also when Valkey begins anew."""

from typing import Any

from delivery import live


def test_an_announcement_changes_the_epoch_and_silence_does_not(valkey: Any) -> None:
    first = live.epoch()
    assert live.epoch() == first
    assert live.announce() == live.epoch() != first


def test_an_epoch_does_not_come_back_after_valkey_was_emptied(valkey: Any) -> None:
    seen = {live.announce(), live.epoch()}
    for _ in range(3):
        valkey.flushdb()
        seen.add(live.epoch())
        seen.add(live.announce())
    assert len(seen) == 1 + 3 * 2
