"""Connections from one IP to one destination, lent to batches; shared by all workers.

What was lent comes back by itself when its holder dies. Urgent (transactional) mail finds one left
free; where there is only one in all, its holder is called off.
"""

import secrets
from dataclasses import dataclass, replace

from delivery import scripts

KEY = "hatobin:connections:"
CALL_KEY = "hatobin:call:"
SINCE_KEY = "hatobin:connections-since"
# A holder renews several times a second; this long after its death its connections are free.
HOLD_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Held:
    """`count` connections of at most `most`, in the hands of one batch."""

    name: str
    holder: str
    count: int
    most: int
    urgent: bool


def take(*, name: str, most: int, urgent: bool = False) -> Held:
    """As many connections as are free, perhaps none."""
    wanted = Held(name, secrets.token_hex(8), most, most, urgent)
    return replace(wanted, count=_run("take", wanted))


def keep(held: Held) -> bool:
    """Renew. False: they are not ours any more, or needed for urgent mail; stop."""
    return _run("keep", held) >= held.count


def leave(held: Held) -> None:
    """Give them up."""
    _run("leave", held)


def _run(op: str, held: Held) -> int:
    return int(
        scripts.run(
            "connections",
            keys=[KEY + held.name, CALL_KEY + held.name, SINCE_KEY],
            args=[op, held.holder, held.count, held.most, HOLD_SECONDS, int(held.urgent)],
        )
    )
