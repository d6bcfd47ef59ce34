"""A change of routes is heard, also when Valkey was away or the process died at the commit."""

from typing import Any

import pytest
import redis
from django.db import transaction

from delivery import announcements, live
from delivery.models import Announcement


def away() -> str:
    raise redis.ConnectionError("away")


@pytest.fixture
def epoch(valkey: Any, transactional_db: None) -> str:
    return live.epoch()


def test_a_change_is_announced_when_it_is_committed(epoch: str) -> None:
    with transaction.atomic():
        announcements.make()
        assert live.epoch() == epoch
    assert live.epoch() != epoch
    assert not Announcement.objects.exists()


def test_a_change_that_is_taken_back_is_not_announced(epoch: str) -> None:
    with transaction.atomic():
        announcements.make()
        transaction.set_rollback(True)
    assert live.epoch() == epoch
    assert announcements.catch_up() == 0


def test_a_change_made_while_valkey_was_away_is_announced_by_the_sweep(
    epoch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(live, "announce", away)
        with transaction.atomic():
            announcements.make()
        assert live.epoch() == epoch
        with pytest.raises(redis.ConnectionError):
            announcements.catch_up()
    assert announcements.catch_up() == 1
    assert live.epoch() != epoch
    assert announcements.catch_up() == 0


def test_a_process_that_dies_at_the_commit_leaves_its_note(epoch: str) -> None:
    with transaction.atomic():
        announcements.make()
        transaction.get_connection().run_on_commit.clear()  # what a dead process does not run
    assert (live.epoch(), Announcement.objects.count()) == (epoch, 1)
    assert announcements.catch_up() == 1
    assert live.epoch() != epoch
