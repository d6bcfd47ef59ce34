"""Flags that running workers look at: the route epoch and the lane marks. In Valkey; losing them
loses no mail: an epoch that starts over is only one more look at the routes, and a lost lane mark
lets two tasks share a lane, which claims keep apart.
"""

from functools import lru_cache

import redis
from django.conf import settings

EPOCH_KEY = "hatobin:epoch"
LANE_KEY = "hatobin:lane:"
# A mark lapses after this long, so that the lane of a dead worker is taken up again; a running task
# renews it (`keep_lane`).
LANE_SECONDS = 15


@lru_cache(maxsize=1)
def _connection(url: str) -> "redis.Redis":
    return redis.Redis.from_url(url)


def connection() -> "redis.Redis":
    """The connections of this process."""
    return _connection(settings.REDIS_URL)


def announce() -> int:
    """Tell every worker that routes, pools, standings or mailings changed. The new epoch."""
    return int(connection().incr(EPOCH_KEY))


def epoch() -> int:
    """The current route epoch; 0 before the first change."""
    return int(connection().get(EPOCH_KEY) or 0)


def take_lane(lane: str, token: str) -> bool:
    """Mark a lane as having a task; False when it has one already."""
    return bool(connection().set(LANE_KEY + lane, token, nx=True, ex=LANE_SECONDS))


def keep_lane(lane: str) -> None:
    """Renew the mark of a lane that is being worked on."""
    connection().set(LANE_KEY + lane, "kept", ex=LANE_SECONDS)


def leave_lane(lane: str) -> None:
    """Take the mark away, so that the next sweep may send another task."""
    connection().delete(LANE_KEY + lane)
