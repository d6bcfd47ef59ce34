"""The MTA-STS policies that workers share, in Valkey. Losing them costs a look at each domain."""

import asyncio
import json
import math
import time

import redis
from django.conf import settings

from delivery import live
from wire import sts
from wire.dns import Resolver
from wire.security import Contexts

KEY = "hatobin:sts:"


class SharedPolicies:
    """A `wire.sts.Cache`. Valkey is asked in a thread: the event loop waits for no store."""

    async def get(self, domain: str) -> sts.Kept | None:
        """OSError when Valkey cannot be asked."""
        return await asyncio.to_thread(_get, domain)

    async def put(self, domain: str, kept: sts.Kept) -> None:
        """OSError when Valkey cannot be asked."""
        await asyncio.to_thread(_put, domain, kept)


def policies(resolver: Resolver, contexts: Contexts) -> sts.Policies:
    """For a worker process: fetched over HTTPS, kept for all workers."""
    terms = sts.Terms(
        resolver,
        lambda: contexts.get(verify=True),
        port=settings.STS_PORT,
        loopback_only=settings.LOOPBACK_ONLY,
    )
    return sts.Policies(terms, SharedPolicies())


def _get(domain: str) -> sts.Kept | None:
    try:
        text = live.connection().get(KEY + domain)
    except redis.RedisError as error:
        raise OSError(f"Valkey gave no MTA-STS policy of {domain}: {error}") from error
    return None if text is None else _read(text)


def _put(domain: str, kept: sts.Kept) -> None:
    policy = kept.policy
    text = json.dumps([policy.id, policy.mode, policy.hosts, policy.max_age, kept.until])
    seconds = max(1, math.ceil(kept.until - time.time()))
    try:
        live.connection().set(KEY + domain, text, ex=seconds)
    except redis.RedisError as error:
        raise OSError(f"Valkey took no MTA-STS policy of {domain}: {error}") from error


def _read(text: bytes | str) -> sts.Kept:
    try:
        id, mode, hosts, max_age, until = json.loads(text)  # noqa: A001 - RFC 8461 calls it so
        policy = sts.Policy(str(id), sts.Mode(mode), tuple(map(str, hosts)), int(max_age))
        return sts.Kept(policy, float(until))
    except (ValueError, TypeError) as error:
        raise OSError(f"Valkey holds no MTA-STS policy in {text!r}; delete the key") from error
