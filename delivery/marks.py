"""The marks of lanes: which has a task in the queue, is being worked on, or rests. In Valkey.

Losing them loses no mail: two tasks then share a lane, and claims keep them apart. Each mark names
its owner, so that a task which let its lane go does not touch that of the next one.
"""

import secrets
from dataclasses import dataclass

from delivery import scripts
from delivery.lanes import Lane

KEY = "hatobin:lane:"
# A mark lapses after this long, so that the lane of a dead worker is taken up again; a task that
# waits or works renews it.
LASTS = 15.0
# A change of limits must not wait for long.
LONGEST_REST = 10.0


@dataclass(frozen=True, slots=True)
class Errand:
    """One task's word for one lane; `mark` tells it from the tasks before and after it."""

    lane: Lane
    mark: str


def take(lane: Lane) -> Errand | None:
    """Mark a lane as having a task; None when it has one already, or rests."""
    errand = Errand(lane, secrets.token_hex(8))
    return errand if _run("take", errand) else None


def wait(errand: Errand) -> bool:
    """Renew the mark of a task that still has to wait."""
    return _run("wait", errand)


def start(errand: Errand) -> bool:
    """Begin to work; False when another task works on the lane, or it rests."""
    return _run("start", errand)


def keep(errand: Errand) -> bool:
    """Renew the mark of a lane that is being worked on; False when it is another's by now."""
    return _run("keep", errand)


def leave(errand: Errand) -> None:
    """Take our mark away, so that the next sweep may send another task. What rests, rests on."""
    _run("leave", errand)


def rest(errand: Errand, seconds: float) -> None:
    """Keep the lane free of tasks for so long: nothing could go before."""
    if seconds > 0:
        _run("rest", errand, min(LONGEST_REST, seconds))


def _run(op: str, errand: Errand, seconds: float = LASTS) -> bool:
    args: list[str | int | float] = [op, errand.mark, int(seconds * 1000) + 1]
    return bool(scripts.run("lane", keys=[KEY + errand.lane.name], args=args))
