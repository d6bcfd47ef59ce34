"""After a crash: first what the dead workers' journal tells, then their rows, due at once."""

from dataclasses import dataclass
from datetime import datetime

from delivery import claims, journal


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many outcomes were recorded from the journal, and how many deliveries came back."""

    replayed: int
    returned: int


def recover(*, now: datetime) -> Recovered:
    """Idempotent; safe to run twice at once and beside living workers.

    Without the journal nothing is given back (redis.RedisError): it may know of messages that were
    accepted.
    """
    replayed = journal.replay(now=now)
    if not claims.has_expired(now=now):
        return Recovered(replayed, 0)
    # A lease runs out long after its last entry was written. The clocks need not agree on that.
    replayed += journal.replay(now=now, grace=0)
    return Recovered(replayed, claims.return_expired(now=now))
