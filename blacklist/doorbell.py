"""The doorbell between those who record replies and the watch: a word in Valkey, and no more.

What is missed while Valkey is away is found by query a second later.
"""

import asyncio
import logging
from contextlib import suppress

import redis.asyncio
from django.conf import settings
from redis import RedisError

from delivery.live import EVIDENCE_CHANNEL

log = logging.getLogger(__name__)
PAUSE = 1.0


async def listen(bell: asyncio.Event) -> None:
    """Set the event whenever it rings, until cancelled; also when Valkey restarts."""
    mine = asyncio.current_task()
    while mine is None or not mine.cancelling():  # an error on the way out hides that we must end
        try:
            await _hear(bell)
        except (RedisError, OSError) as error:
            log.warning("The doorbell cannot be heard, replies are looked for instead: %s", error)
            await asyncio.sleep(PAUSE)


async def wait(bell: asyncio.Event, *, seconds: float) -> None:
    """Until it rings, or the time is over."""
    with suppress(TimeoutError):
        await asyncio.wait_for(bell.wait(), seconds)
    bell.clear()


async def _hear(bell: asyncio.Event) -> None:
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
    try:
        async with client.pubsub() as words:
            await words.subscribe(EVIDENCE_CHANNEL)
            async for word in words.listen():
                if word["type"] == "message":
                    bell.set()
    finally:
        await client.aclose()
