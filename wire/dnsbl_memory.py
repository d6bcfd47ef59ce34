"""Clean answers of blocklists, for as long as the lists themselves say (RFC 2308 5)."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable


class Memory:
    """Questions whose name did not exist: `size` of them, none for longer than `longest` s."""

    def __init__(
        self, size: int, longest: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size, self._longest, self._clock = size, longest, clock
        # A plain dict would look for its first entry among all that have left.
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def holds(self, question: bytes) -> bool:
        until = self._until.get(question)
        return until is not None and until > self._clock()

    def keep(self, answers: Iterable[tuple[bytes, int]]) -> None:
        """Questions, and how many seconds each holds; nothing is kept for none."""
        now, until = self._clock(), self._until
        for question, ttl in answers:
            if ttl <= 0:
                continue
            if len(until) >= self._size and question not in until:
                until.popitem(last=False)
            until[question] = now + min(ttl, self._longest)

    def forget(self, question: bytes) -> None:
        self._until.pop(question, None)
