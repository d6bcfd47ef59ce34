"""The flag that running workers look at: the route epoch, in Valkey.

Losing it loses no mail: a new epoch is only one more look at the routes.
"""

import secrets
from functools import lru_cache

import redis
from django.conf import settings

EPOCH_KEY = "hatobin:epoch"
EVIDENCE_CHANNEL = "hatobin:evidence"


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


def ring_for_evidence() -> None:
    """Tell the blocklist watch that receivers spoke of lists. Nobody need be there to hear it."""
    connection().publish(EVIDENCE_CHANNEL, "")
