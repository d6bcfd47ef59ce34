"""How many requests a key may make: token buckets in Valkey, shared by all web processes.

Without Valkey nothing is counted and everything is answered: the limit protects the platform from
hasty programs, not from its customers.
"""

import logging
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

import redis
from django.conf import settings
from redis.commands.core import Script
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from customers.models import ApiKey

REFUSED_PER_MINUTE: Final = 60  # tries with keys that are not taken, from one address
PERIOD: Final = 60  # seconds

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What the bucket said. `reset` and `wait` in seconds: until it is full, until the next one."""

    allowed: bool
    limit: int
    left: int
    reset: float
    wait: float

    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers (structured fields, RFC 9651)."""
        return {
            "RateLimit-Policy": f'"key";q={self.limit};w={PERIOD}',
            "RateLimit": f'"key";r={self.left};t={math.ceil(self.reset)}',
        }


def take(name: str, *, per_minute: int) -> Taken | None:
    """Count one request; None when Valkey cannot be asked."""
    try:
        allowed, left, reset, wait = _script()(keys=[f"hatobin:api:{name}"], args=[per_minute])
    except redis.RedisError:
        _log.warning("The limits of the API are not counted: Valkey does not answer.")
        return None
    return Taken(bool(allowed), per_minute, int(left), float(reset), float(wait))


class KeyThrottle(BaseThrottle):
    """One bucket for each key. What it said stays with the view, for the answer's headers."""

    taken: Taken | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        key = cast("ApiKey", request.auth)  # nobody comes here without one
        limit = key.requests_per_minute or settings.API_REQUESTS_PER_MINUTE
        self.taken = view.taken = take(f"key:{key.pk}", per_minute=limit)
        return self.taken is None or self.taken.allowed

    def wait(self) -> float | None:
        return math.ceil(self.taken.wait) if self.taken else None


def _script() -> Script:
    return _registered(settings.REDIS_URL)


@lru_cache(maxsize=1)
def _registered(url: str) -> Script:
    # A server that hangs must not hang the API with it.
    server = redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=2, socket_connect_timeout=2
    )
    return server.register_script((Path(__file__).parent / "take.lua").read_text(encoding="utf-8"))
