"""Counters of hours and days by the clock, shared by all workers.

Kept in Valkey; one that is not there (a new window, a Valkey that was lost) is first set from the
books, so that nothing is allowed twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from delivery import live, scripts

KEY = "hatobin:window:"
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


def hour_of(now: datetime) -> datetime:
    """The beginning of the hour."""
    return now.replace(minute=0, second=0, microsecond=0)


def day_of(now: datetime) -> datetime:
    """Midnight in the platform's zone."""
    return timezone.localtime(now, timezone.get_default_timezone()).replace(
        hour=0, minute=0, second=0, microsecond=0
    )


def take(windows: Sequence[Window], wanted: int) -> int:
    """Take up to `wanted` from all windows at once; how many were granted."""
    granted = _run(windows, wanted)
    while granted < 0 <= wanted:
        _set_missing(windows)
        granted = _run(windows, wanted)
    return granted


def give_back(windows: Sequence[Window], count: int) -> None:
    """What was taken and not used."""
    if count:
        _run(windows, -count)


def is_used_up(windows: Sequence[Window]) -> bool:
    """Whether nothing is left in one of them."""
    return any(left(window) <= 0 for window in windows)


def left(window: Window) -> int:
    found = live.connection().get(window.key)
    if found is None:
        _set_missing([window])
        found = live.connection().get(window.key)
    return window.limit - int(found or 0)


def _run(windows: Sequence[Window], wanted: int) -> int:
    limits = [window.limit for window in windows]
    keys = [window.key for window in windows]
    return int(scripts.run("windows", keys=keys, args=[wanted, *limits]))


def _set_missing(windows: Sequence[Window]) -> None:
    for window in windows:
        if not live.connection().exists(window.key):
            used = window.count(window.since)
            live.connection().set(window.key, used, nx=True, ex=window.seconds + 3600)
