"""Group commit: what waits is written together, within bounds; every sender gets its answer."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

import pytest

from delivery import intake_store
from delivery.intake_store import Keeper, NotKept, Received, how_many


class Slow:
    """A database that takes its time, and remembers what it got at once."""

    def __init__(self, *, fails: bool = False) -> None:
        self.batches: list[int] = []
        self._fails = fails

    def __call__(self, mails: Sequence[Received]) -> None:
        time.sleep(0.05)
        self.batches.append(len(mails))
        if self._fails:
            raise RuntimeError("disk full")


def received(now: datetime) -> Received:
    return Received(now, "127.0.2.9", "mx", "", "", "b-x@bounce.example", b"x")


async def test_what_comes_while_a_commit_is_under_way_shares_the_next_one(now: datetime) -> None:
    database = Slow()
    keeper = Keeper(database)
    await asyncio.gather(*(keeper.keep(received(now)) for _ in range(1200)))
    assert database.batches == [500, 500, 200]
    await keeper.close()


@pytest.mark.parametrize(
    ("sizes", "count"),
    [([1] * 600, 500), ([2**20] * 20, 16), ([10 * 2**20] * 2, 1), ([90 * 2**20], 1)],
)
def test_a_commit_is_bounded_by_octets_too(sizes: list[int], count: int) -> None:
    assert how_many(sizes) == count


async def test_what_the_database_cannot_keep_up_with_is_not_gathered(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_store, "MOST_WAITING", 2)
    keeper = Keeper(Slow())
    jobs = [keeper.keep(received(now)) for _ in range(3)]
    answers = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), type(None), NotKept]
    await keeper.keep(received(now))
    await keeper.close()


async def test_every_sender_of_a_failed_commit_hears_of_it(now: datetime) -> None:
    keeper = Keeper(Slow(fails=True))
    answers = await asyncio.gather(
        *(keeper.keep(received(now)) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [NotKept] * 3
    await keeper.close()


async def test_a_sender_that_went_away_harms_nobody_else(now: datetime) -> None:
    keeper = Keeper(Slow())
    gone = asyncio.create_task(keeper.keep(received(now)))
    stays = asyncio.create_task(keeper.keep(received(now)))
    await asyncio.sleep(0.01)
    gone.cancel()
    await stays
    await keeper.close()
