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
        may_hand_over: Callable[[], bool],
    ) -> Awaitable[list[Letter]]: ...


class Watch:
    """Runs beside the batch in the same loop; the batch asks `may_continue` before it takes up a
    letter, and `may_hand_over` when that letter's turn to leave has come.

    `goes_on` is asked a few times a second, and `keep` renews what the batch holds, until the end:
    the letters of a stopped batch may be on their way for minutes. `leave` is called once when only
    stragglers are left, and says whether the lane may be let go.
    """

    def __init__(
        self,
        *,
        errand: Errand,
        epoch: str,
        lease: Lease,
        goes_on: Callable[[], bool],
        keep: Callable[[], bool],
        leave: Callable[[], bool],
    ) -> None:
        self._errand = errand
        self._epoch = epoch
        self._lease = lease
        self._may_go_on = goes_on
        self._keep = keep
        self._leave = leave
        self._deadline = time.monotonic() + TASK_SECONDS
        self._goes_on = True
        self._routes_hold = True
        self._has_left = False
        self._open = 0
        self._last_step = time.monotonic()

    def may_continue(self) -> bool:
        """No, once the routes have changed, the task's time is over, or the rows may be lost."""
        self._last_step = time.monotonic()
        return self._goes_on and self._last_step < self._deadline and self._lease.holds()

    def may_hand_over(self) -> bool:
        """No, once the routes have changed or the rows may be lost.

        That the batch's time is over is no reason: a host that takes longer than a batch has would
        never get a letter.
        """
        return self._routes_hold and self._lease.holds()

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
            return await carry(
                letters,
                report=step,
                may_continue=self.may_continue,
                may_hand_over=self.may_hand_over,
            )
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    async def _look(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            quiet = time.monotonic() - self._last_step
            try:
                # In a thread: a Valkey that hangs must not stop the loop of all lanes.
                await asyncio.to_thread(self._ask, looks, quiet)
            except redis.RedisError:
                # Nobody can tell whether the routes still hold: rather wait than send wrongly.
                self._goes_on = self._routes_hold = False

    def _ask(self, looks: int, quiet: float) -> None:
        if not self._keep():
            self._goes_on = False
        if self._routes_hold and live.epoch() != self._epoch:
            self._goes_on = self._routes_hold = False
        if self._goes_on and not self._may_go_on():
            self._goes_on = False
        if self._has_left:
            return
        if self._open <= STRAGGLERS and quiet > QUIET_SECONDS and self._leave():
            self._has_left = True
            marks.leave(self._errand)
        elif looks % KEEP_EVERY == 0:
            marks.keep(self._errand)
