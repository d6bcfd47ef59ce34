"""Flags that running workers look at: the route epoch and the lane marks. In Valkey; losing them
loses no mail: a new epoch is only one more look at the routes, and a lost lane mark lets two tasks
share a lane, which claims keep apart.
"""

import secrets
from functools import lru_cache

import redis
from django.conf import settings

EPOCH_KEY = "hatobin:epoch"
LANE_KEY = "hatobin:lane:"
# A mark lapses after this long, so that the lane of a dead worker is taken up again; a running task
# renews it (`keep_lane`).
LANE_SECONDS = 15
# A change of limits must not wait for long.
LONGEST_REST = 10.0
_RESTS = "rests"


@lru_cache(maxsize=1)
def _connection(url: str) -> "redis.Redis":
    # A server that hangs must not hang a batch with it: nothing here takes a second.
    return redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=2, socket_connect_timeout=2
    )


def connection() -> "redis.Redis":
    """The connections of this process."""
    return _connection(settings.REDIS_URL)


def announce() -> str:
    """Tell every worker that routes, pools, standings or mailings changed. The new epoch.

    A random word, not a count: a Valkey that begins anew would count to the same numbers again,
    and a worker that remembers one would take stale routes for current ones.
    """
    epoch = secrets.token_hex(8)
    connection().set(EPOCH_KEY, epoch)
    return epoch


def epoch() -> str:
    """The current route epoch. One is made where there is none, so that "none" is never reused."""
    found = connection().get(EPOCH_KEY)
    if found is None:
        connection().set(EPOCH_KEY, secrets.token_hex(8), nx=True)
        found = connection().get(EPOCH_KEY)
    return str(found)


def take_lane(lane: str, token: str) -> bool:
    """Mark a lane as having a task; False when it has one already."""
    return bool(connection().set(LANE_KEY + lane, token, nx=True, ex=LANE_SECONDS))


def keep_lane(lane: str) -> None:
    """Renew the mark of a lane that is being worked on."""
    connection().set(LANE_KEY + lane, "kept", ex=LANE_SECONDS)


def leave_lane(lane: str) -> None:
    """Take the mark away, so that the next sweep may send another task. A lane at rest rests on."""
    if connection().get(LANE_KEY + lane) != _RESTS:
        connection().delete(LANE_KEY + lane)


def rest_lane(lane: str, seconds: float) -> None:
    """Keep the lane free of tasks for so long: nothing could go before."""
    if seconds > 0:
        connection().set(LANE_KEY + lane, _RESTS, px=int(min(LONGEST_REST, seconds) * 1000) + 1)
