"""Watching over a running batch: stop it when the routes change or its time is over.

A batch of which only a few letters are still on their way, to receivers that take their time, lets
its lane go: the next batch need not wait for a tarpit.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import redis

from delivery import live, marks
from delivery.leases import Lease
from delivery.marks import Errand
from wire.letters import Letter
from wire.outcomes import Outcome

# A task gives its lane back after this long, so that others get their turn.
TASK_SECONDS = 20.0
# How often a running batch looks at the route epoch: a change reaches it within a second.
LOOK_SECONDS = 0.2
KEEP_EVERY = 20  # looks between two renewals of the lane's mark
# So few letters, when nothing has begun or ended for so long, are stragglers.
STRAGGLERS = 20
QUIET_SECONDS = 2.0


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
    """Runs beside the batch in the same loop; the batch asks `may_continue` before each message.

    `goes_on` is asked a few times a second. `leave` is called once when only stragglers are left,
    and says whether the lane may be let go.
    """

    def __init__(
        self,
        *,
        errand: Errand,
        epoch: str,
        lease: Lease,
        goes_on: Callable[[], bool],
        leave: Callable[[], bool],
    ) -> None:
        self._errand = errand
        self._epoch = epoch
        self._lease = lease
        self._may_go_on = goes_on
        self._leave = leave
        self._deadline = time.monotonic() + TASK_SECONDS
        self._goes_on = True
        self._has_left = False
        self._open = 0
        self._last_step = time.monotonic()

    def may_continue(self) -> bool:
        """No, once the routes have changed, the task's time is over, or the rows may be lost."""
        self._last_step = time.monotonic()
        return self._goes_on and self._last_step < self._deadline and self._lease.holds()

    def stop(self) -> None:
        """End the batch after the letters that are under way."""
        self._goes_on = False

    async def over(
        self, carry: Carry, letters: Sequence[Letter], report: Callable[[Letter, Outcome], None]
    ) -> list[Letter]:
        """Carry the letters under watch; the untried ones come back."""
        self._open = len(letters)
        looking = asyncio.create_task(self._look())

        def step(letter: Letter, outcome: Outcome) -> None:
            self._open -= 1
            self._last_step = time.monotonic()
            report(letter, outcome)

        try:
            return await carry(letters, report=step, may_continue=self.may_continue)
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    async def _look(self) -> None:
        looks = 0
        while self._goes_on or not self._has_left:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            try:
                if self._goes_on and (live.epoch() != self._epoch or not self._may_go_on()):
                    self._goes_on = False
                if not self._has_left:
                    self._keep_or_leave(looks)
            except redis.RedisError:
                # Nobody can tell whether the routes still hold: rather wait than send wrongly.
                self._goes_on = False

    def _keep_or_leave(self, looks: int) -> None:
        quiet = time.monotonic() - self._last_step
        if self._open <= STRAGGLERS and quiet > QUIET_SECONDS and self._leave():
            self._has_left = True
            marks.leave(self._errand)
        elif looks % KEEP_EVERY == 0:
            marks.keep(self._errand)
