"""What the caller of a round is asked and told: may letters be taken up, may they leave, the pace.

What it raises is kept while a letter is on its way: that one still gets its report, no other one
leaves, and then the round raises it.
"""

import time
from collections.abc import Callable

from wire.letters import Letter
from wire.outcomes import Outcome

# Seconds for which an answer holds: so late a change may take effect, and so seldom is it asked.
FRESH = 0.2


class Orders:
    """`is_over`: no more letters are taken up; `is_recalled`: nor do those leave that were."""

    def __init__(
        self,
        *,
        report: Callable[[Letter, Outcome], None],
        may_continue: Callable[[], bool],
        may_hand_over: Callable[[], bool],
        pace: Callable[[], float] | None,
    ) -> None:
        self._report = report
        self._may_continue = may_continue
        self._may_hand_over = may_hand_over
        self._pace = pace
        self._answered = float("-inf")
        self._failure: Exception | None = None
        self.is_over = False
        self.is_recalled = False

    def end(self) -> None:
        """Let no more letters be taken up."""
        self.is_over = True

    def report(self, letter: Letter, outcome: Outcome) -> None:
        try:
            self._report(letter, outcome)
        except Exception as error:  # noqa: BLE001  raised by `settle`
            self._fail(error)

    def may_begin(self) -> bool:
        """Whether one more letter may be taken up; asked anew each time."""
        if not self.is_over and not self._ask(self._may_continue):
            self.is_over = True
        return not self.is_over

    def may_leave(self) -> bool:
        """Whether a letter that was taken up may leave; asked anew unless the answer is fresh."""
        is_fresh = time.monotonic() - self._answered <= FRESH
        if not self.is_recalled and not is_fresh and not self._ask(self._may_hand_over):
            self.is_over = self.is_recalled = True
        return not self.is_recalled

    def wait(self) -> float:
        """Seconds until it is worth asking again; 0.0 when one letter may go, which is counted."""
        if self._pace is None:
            return 0.0
        try:
            return self._pace()
        except Exception as error:  # noqa: BLE001  raised by `settle`
            self._fail(error)
            return 0.0

    def settle(self) -> None:
        """Raise what the caller's own code has raised, if it has."""
        if self._failure is not None:
            raise self._failure

    def _ask(self, question: Callable[[], bool]) -> bool:
        asked = time.monotonic()
        try:
            answer = question()
        except Exception as error:  # noqa: BLE001  raised by `settle`
            self._fail(error)
            return False
        self._answered = asked
        return answer

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self.is_over = self.is_recalled = True
