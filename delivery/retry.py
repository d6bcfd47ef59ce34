"""When a deferred delivery is tried again. The ladder is settings.RETRY_LADDER, in seconds."""

from collections.abc import Sequence
from datetime import datetime, timedelta

# Spread so that mails deferred together do not come back together.
JITTER = 0.2


def delay(*, attempts: int, ladder: Sequence[int], chance: float) -> timedelta:
    """How long to wait after the `attempts`-th failed try. `chance` in [0, 1) spreads by 20%."""
    step = ladder[min(attempts, len(ladder)) - 1]
    return timedelta(seconds=step * (1 + JITTER * chance))


def next_attempt(
    *, attempts: int, ladder: Sequence[int], chance: float, now: datetime, expires_at: datetime
) -> datetime | None:
    """The time of the next try, or None when the delivery would have expired by then."""
    at = now + delay(attempts=attempts, ladder=ladder, chance=chance)
    return at if at < expires_at else None
