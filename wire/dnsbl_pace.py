"""How fast one list may be asked: questions a second, and a day."""

import asyncio
import time
from collections.abc import Callable, Mapping
from random import Random

from wire.dnsbl_answers import Rule

DAY = 86_400


class Pace:
    """Turns for the questions to one list; 0 is no limit.

    Gaps vary by half, so that lists do not see our questions on the beat of a clock. `spent` are
    the questions that others have asked today; days are UTC's.
    """

    def __init__(
        self,
        per_second: float,
        per_day: int,
        *,
        spent: int,
        random: Random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._per_day = per_day
        self._random = random
        self._clock = clock
        self._day = int(clock() // DAY)
        self._next = 0.0
        self.asked = spent

    def take(self, count: int) -> int:
        """How many of these questions the day still allows; they count as asked."""
        if (day := int(self._clock() // DAY)) != self._day:
            self._day, self.asked = day, 0
        granted = min(count, self._per_day - self.asked) if self._per_day else count
        self.asked += max(granted, 0)
        return max(granted, 0)

    async def wait(self) -> None:
        """Until the rate allows one more question."""
        if self._gap:
            now = self._clock()
            begin = max(now, self._next)
            self._next = begin + self._gap * self._random.uniform(0.75, 1.25)
            if begin > now:
                await asyncio.sleep(begin - now)


class Paces:
    """The paces of all lists; `spent` are the questions that each was asked today before."""

    def __init__(self, spent: Mapping[str, int], *, random: Random) -> None:
        self._spent = dict(spent)
        self._random = random
        self._paces: dict[str, Pace] = {}

    @property
    def asked(self) -> dict[str, int]:
        """Questions to each list today."""
        return self._spent | {name: pace.asked for name, pace in self._paces.items()}

    async def turn(self, rule: Rule) -> bool:
        """Wait for the list's turn; False when the day's questions are used up."""
        return await self.turns(rule, 1) == 1

    async def turns(self, rule: Rule, count: int) -> int:
        """So many of these questions may be asked now."""
        pace = self._paces.get(rule.name)
        if pace is None:
            spent = self._spent.get(rule.name, 0)
            pace = Pace(rule.per_second, rule.per_day, spent=spent, random=self._random)
            self._paces[rule.name] = pace
        granted = pace.take(count)
        for _ in range(granted if rule.per_second else 0):
            await pace.wait()
        return granted
