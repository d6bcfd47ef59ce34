"""Watching over a running batch: stop it when the routes change or its time is over."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import redis

from delivery import live
from delivery.leases import Lease
from wire.letters import Letter
from wire.outcomes import Outcome

# A task gives its lane back after this long, so that others get their turn.
TASK_SECONDS = 20.0
# How often a running batch looks at the route epoch: a change reaches it within a second.
LOOK_SECONDS = 0.2
KEEP_EVERY = 20  # looks between two renewals of the lane's mark


class Carry(Protocol):
    """`wire.courier.Courier.carry`."""

    def __call__(
        self,
        letters: Sequence[Letter],
        *,
        report: Callable[[Letter, Outcome], None],
        may_continue: Callable[[], bool],
    ) -> Awaitable[list[Letter]]: ...


class Watch:
    """Runs beside the batch in the same loop; the batch asks `may_continue` before each message."""

    def __init__(self, *, lane: str, epoch: str, lease: Lease, goes_on: Callable[[], bool]) -> None:
        self._lane = lane
        self._epoch = epoch
        self._lease = lease
        self._may_go_on = goes_on
        self._deadline = time.monotonic() + TASK_SECONDS
        self._goes_on = True

    def may_continue(self) -> bool:
        """No, once the routes have changed, the task's time is over, or the rows may be lost."""
        return self._goes_on and time.monotonic() < self._deadline and self._lease.holds()

    def stop(self) -> None:
        """End the batch after the letters that are under way."""
        self._goes_on = False

    async def over(
        self, carry: Carry, letters: Sequence[Letter], report: Callable[[Letter, Outcome], None]
    ) -> list[Letter]:
        """Carry the letters under watch; the untried ones come back."""
        looking = asyncio.create_task(self._look())
        try:
            return await carry(letters, report=report, may_continue=self.may_continue)
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    async def _look(self) -> None:
        looks = 0
        while self._goes_on:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            try:
                if live.epoch() != self._epoch or not self._may_go_on():
                    self._goes_on = False
                if looks % KEEP_EVERY == 0:
                    live.keep_lane(self._lane)
            except redis.RedisError:
                # Nobody can tell whether the routes still hold: rather wait than send wrongly.
                self._goes_on = False
