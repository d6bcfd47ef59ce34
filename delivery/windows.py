"""Counters of hours and days by the clock, shared by all workers.

Kept in Valkey; one that is not there (a new window, a Valkey that was lost) is first set from the
books, so that nothing is allowed twice.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from delivery import live, scripts

KEY = "hatobin:allowance:"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` in it. `count` says from the books what went out since `since`."""

    name: str
    since: datetime
    seconds: int
    limit: int
    count: Callable[[datetime], int]

    @property
    def key(self) -> str:
        return f"{KEY}{self.name}:{self.since:%Y%m%dT%H}"


@dataclass(frozen=True, slots=True)
class Taken:
    """`count` from all of these windows. The generations tell whether a counter is still the one
    from which it was taken.
    """

    windows: tuple[Window, ...]
    generations: tuple[str, ...]
    count: int


def hour_of(now: datetime) -> datetime:
    """The beginning of the hour."""
    return now.replace(minute=0, second=0, microsecond=0)


def day_of(now: datetime) -> datetime:
    """Midnight in the platform's zone."""
    return timezone.localtime(now, timezone.get_default_timezone()).replace(
        hour=0, minute=0, second=0, microsecond=0
    )


def take(windows: Sequence[Window], wanted: int) -> Taken:
    """Take up to `wanted` from all windows at once."""
    while (taken := _take(windows, wanted)) is None:
        _set_missing(windows)
    return taken


def give_back(taken: Taken, count: int) -> None:
    """What was taken and not used; nothing to a counter that was lost and set anew meanwhile."""
    if count > 0:
        keys = [window.key for window in taken.windows]
        scripts.run("windows", keys=keys, args=["give", count, *taken.generations])


def is_used_up(windows: Sequence[Window]) -> bool:
    """Whether nothing is left in one of them."""
    return any(left(window) <= 0 for window in windows)


def left(window: Window) -> int:
    """How many may still go out in it."""
    while (found := live.connection().get(window.key)) is None:
        _set_missing([window])
    return window.limit - int(str(found).split()[1])


def _take(windows: Sequence[Window], wanted: int) -> Taken | None:
    keys = [window.key for window in windows]
    limits = [window.limit for window in windows]
    granted, *generations = scripts.run("windows", keys=keys, args=["take", wanted, *limits])
    return None if granted < 0 else Taken(tuple(windows), tuple(generations), granted)


def _set_missing(windows: Sequence[Window]) -> None:
    for window in windows:
        if not live.connection().exists(window.key):
            value = f"{secrets.token_hex(8)} {window.count(window.since)}"
            live.connection().set(window.key, value, nx=True, ex=window.seconds + 3600)
