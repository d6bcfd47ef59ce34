"""The pace of one batch: hands out leave to send, letter by letter, from the shared bucket.

Tokens are fetched for a tenth of a second at once, so that a fast lane does not ask Valkey for each
letter; what is not used goes back.
"""

import logging
import math
import time

import redis

from delivery import buckets
from delivery.buckets import Rate

log = logging.getLogger(__name__)

AT_ONCE_SECONDS = 0.1
# Nobody can tell whether there is leave: the batch ends, the mail stays.
NO_ANSWER = 60.0


class Pace:
    """Called by wire before each letter (wire.letters.Policy.pace). Not shared between batches."""

    def __init__(self, *, name: str, rate: Rate, urgent: bool = False) -> None:
        self._name = name
        self._rate = rate
        self._urgent = urgent
        self._tokens = 0
        self._ask_again = 0.0
        self._at_once = max(1, math.floor(min(rate.sustained, 1e6) * AT_ONCE_SECONDS))
        self.used = 0

    def __call__(self) -> float:
        """0.0: one letter may go, and is counted; else seconds until it is worth asking again."""
        wait = self.wait()
        if wait == 0:
            self._tokens -= 1
            self.used += 1
        return wait

    def wait(self) -> float:
        """The same, without taking."""
        if self._tokens:
            return 0.0
        # Several connections ask: until the time told to the first, the answer is the same.
        if (still := self._ask_again - time.monotonic()) > 0:
            return still
        try:
            taken = buckets.take(
                name=self._name, rate=self._rate, wanted=self._at_once, urgent=self._urgent
            )
        except redis.RedisError as error:
            log.warning("The limits in Valkey cannot be asked, %s waits: %s", self._name, error)
            return NO_ANSWER
        self._tokens = taken.count
        self._ask_again = time.monotonic() + taken.wait
        return taken.wait

    def close(self) -> None:
        """Give back what was not used."""
        unused, self._tokens = self._tokens, 0
        if unused:
            buckets.give_back(name=self._name, rate=self._rate, count=unused)
