"""A lane's turn: what one batch may take of the shared limits, and what it gives back.

Everything taken before the mail is claimed: connections, tokens, warm-up allowance, customers'
quotas. So nothing is claimed that could not go.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from random import random

import redis

from delivery import connections, limits, queues, quotas, shares, slowdowns, warmup, windows
from delivery.connections import Held
from delivery.facts import Facts
from delivery.lanes import Active, Lane
from delivery.limits import Limits
from delivery.pace import Pace
from delivery.windows import Window

log = logging.getLogger(__name__)

# A batch holds no more than a slow lane can carry in so long: others' mail must not wait behind it.
BATCH_SECONDS = 5.0
# A lane that would have to wait longer gives its task back.
LONGEST_WAIT = 1.0


class Turn:
    """Open from `turn` until its block ends."""

    def __init__(
        self,
        *,
        facts: Facts,
        found: Limits,
        held: Held,
        pace: Pace | None,
        window: Window | None,
        is_called: Callable[[], bool],
        most: int,
    ) -> None:
        self._facts = facts
        self.limits = found
        self.pace = pace
        self._held = held
        self._window = window
        self._is_called = is_called
        self._began = time.monotonic()
        self._allowance: windows.Taken | None = None
        self._quotas: dict[int, windows.Taken] = {}
        self._tried = 0
        self._spent: dict[int, int] = {}
        self.wait = pace.wait() if pace and held.count else 0.0
        self.share = self._share(most)

    @property
    def connections(self) -> int:
        return self._held.count

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._began

    def portions(self, mailings: Sequence[Active], *, now: datetime) -> dict[int, int]:
        """Mailing id -> how many deliveries to claim, of those that have mail due here."""
        chance = random()  # noqa: S311 - spreads load, guards nothing
        found = shares.of_mailings(
            mailings, weights=self._weights(), limit=self.share, chance=chance
        )
        owners = {mailing.id: mailing.customer_id for mailing in mailings}
        for customer_id in set(owners.values()):
            row = self._facts.assignments.get(customer_id)
            if row is not None and (own_windows := quotas.windows_of(row, now=now)):
                own = {key: part for key, part in found.items() if owners[key] == customer_id}
                taken = windows.take(own_windows, sum(own.values()))
                self._quotas[customer_id] = taken
                found |= _cut(own, taken.count)
        return {key: part for key, part in found.items() if part}

    def tried(self) -> None:
        """One delivery's attempt counts against this IP's allowance."""
        self._tried += 1

    def spend(self, customer_id: int) -> None:
        """One delivery's attempt counts against that customer's quotas, whatever the IP."""
        self._spent[customer_id] = self._spent.get(customer_id, 0) + 1

    def keep(self) -> bool:
        """Renew the connections, as long as one is open; False when nothing more may be begun."""
        return not self._held.most or connections.keep(self._held)

    def goes_on(self) -> bool:
        """Asked several times a second: has the receiver not asked for less since, is nobody in a
        hurry?
        """
        if self._is_called():
            return False
        return self._held.urgent or not queues.should_give_way(seconds=self.seconds)

    def close(self) -> None:
        """Give back what was not used. Without Valkey it counts as used; connections lapse."""
        try:
            self._give_back()
        except redis.RedisError as error:
            log.warning("What a batch did not use cannot be given back: %s", error)

    def _give_back(self) -> None:
        if self.pace is not None:
            self.pace.close()
        if self._allowance is not None:
            windows.give_back(self._allowance, self._allowance.count - self._tried)
        for customer_id, taken in self._quotas.items():
            windows.give_back(taken, taken.count - self._spent.get(customer_id, 0))
        if self._held.count:
            connections.leave(self._held)

    def _weights(self) -> dict[int, int]:
        return {key: row.weight for key, row in self._facts.assignments.items()}

    def _share(self, most: int) -> int:
        if not self._held.count or self.wait > LONGEST_WAIT:
            return 0
        if self.pace is not None:
            most = min(most, math.ceil(min(self.limits.rate.sustained * BATCH_SECONDS, most)))
        if self._window is None:
            return most
        self._allowance = windows.take([self._window], most)
        return self._allowance.count


@contextmanager
def turn(lane: Lane, *, ip_id: int, facts: Facts, now: datetime) -> Iterator[Turn]:
    """A turn of the lane with that IP; its `share` says how many deliveries may go."""
    opened = _open(lane, ip_id, facts, now)
    try:
        yield opened
    finally:
        opened.close()


def _open(lane: Lane, ip_id: int, facts: Facts, now: datetime) -> Turn:
    destination, is_express = lane.destination, lane.is_express
    last_call = partial(slowdowns.last_call, ip_id=ip_id, destination=destination)
    called = last_call()  # before the limits are read: what changes after this is noticed
    found = limits.of(ip_id=ip_id, group=facts.group(destination), now=now)
    name = f"{ip_id}:{destination}"
    held = Held(name, "", 0, 0, is_express)
    if found.connections:
        held = connections.take(name=name, most=found.connections, urgent=is_express)
    window = None
    if ip_id in facts.warming:
        window = warmup.window(ip_id=ip_id, destination=destination, now=now)
    return Turn(
        facts=facts,
        found=found,
        held=held,
        pace=Pace(name=name, rate=found.rate, urgent=is_express) if found.rate.is_limited else None,
        window=window,
        is_called=lambda: last_call() != called,
        most=lane.share,
    )


def _cut(own: Mapping[int, int], granted: int) -> dict[int, int]:
    """The portions of one customer, no more than `granted` together."""
    cut = {}
    for key, part in own.items():
        cut[key] = min(part, granted)
        granted -= cut[key]
    return cut
