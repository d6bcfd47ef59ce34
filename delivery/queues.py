"""The queue of sending tasks in the broker: what goes first, and when a batch gives way.

Transactional mail stands before bulk: the broker serves a queue's priorities from 0 up.
"""

from delivery import live

EXPRESS, BULK = 0, 9
# As kombu names the lists of a queue: the priority behind these octets, none for 0.
_PREFIX, _QUEUE, _MARK = "hatobin:", "dispatch", "\x06\x16"
_YIELD_KEY = "hatobin:yield"
# One batch ends for each task that waits, not all at once.
_YIELD_MS = 300
# A batch that waits for slow receivers lets others have its process after so long.
SLICE_SECONDS = 3.0


def key_of(priority: int) -> str:
    """The list in which tasks of that priority wait."""
    return f"{_PREFIX}{_QUEUE}{_MARK}{priority}" if priority else f"{_PREFIX}{_QUEUE}"


def express_waits() -> bool:
    """Whether transactional mail waits for a worker."""
    return bool(live.connection().llen(key_of(EXPRESS)))


def should_give_way(*, seconds: float) -> bool:
    """Whether a bulk batch that has run for so long should end, since others wait.

    At most one batch is told so in a moment.
    """
    connection = live.connection()
    express, bulk = connection.llen(key_of(EXPRESS)), connection.llen(key_of(BULK))
    if not express and (not bulk or seconds < SLICE_SECONDS):
        return False
    return bool(connection.set(_YIELD_KEY, "1", nx=True, px=_YIELD_MS))
