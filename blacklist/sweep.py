"""When each resource is asked about: its own moment within the list's cadence. Pure.

The moments are spread by a hash of list and resource, so that no list hears us on a beat, a restart
changes nothing, and one time for each list says who has been asked.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from blacklist.known_lists import Known
from blacklist.resources import Resource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCALE = 1 << 64


class Rota:
    """The resources of one list in the order of their moments."""

    def __init__(self, known: Known, resources: Iterable[Resource]) -> None:
        kinds = known.rule.kinds if known.rule is not None else frozenset()
        pairs = [(phase(known, one.text), one) for one in resources if one.kind in kinds]
        pairs.sort(key=lambda pair: pair[0])
        self._phases = [moment for moment, _one in pairs]
        self._resources = [one for _moment, one in pairs]
        self._cadence = known.cadence.total_seconds()

    def due(self, *, since: datetime | None, until: datetime) -> list[Resource]:
        """Those whose moment lies after `since`, up to `until`; of a long gap, each once.

        None: nobody has been asked yet.
        """
        if since is None or (until - since).total_seconds() >= self._cadence:
            return list(self._resources)
        begin, end = self._place(since), self._place(until)
        if self._moment(since) <= self._moment(until):
            return self._resources[begin:end]
        return self._resources[begin:] + self._resources[:end]

    def _place(self, at: datetime) -> int:
        return bisect_right(self._phases, self._moment(at))

    def _moment(self, at: datetime) -> float:
        return (at - _EPOCH).total_seconds() % self._cadence


def phase(known: Known, resource: str) -> float:
    """The moment of a resource on a list, in seconds from the beginning of a cadence."""
    digest = blake2b(f"{known.name}\0{resource}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _SCALE * known.cadence.total_seconds()


def last_turn(known: Known, resource: str, *, before: datetime) -> datetime:
    """The last moment of this resource on this list, not after `before`."""
    cadence, own = known.cadence.total_seconds(), phase(known, resource)
    rounds = ((before - _EPOCH).total_seconds() - own) // cadence
    return _EPOCH + timedelta(seconds=rounds * cadence + own)


def answered_at(
    known: Known,
    resource: str,
    *,
    swept_until: datetime,
    unanswered: Mapping[str, float | None],
) -> datetime | None:
    """When the sweep last had an answer for it; None: never yet."""
    if resource in unanswered:
        at = unanswered[resource]
        return None if at is None else _EPOCH + timedelta(seconds=at)
    return last_turn(known, resource, before=swept_until)


def still_unanswered(
    known: Known,
    before: Mapping[str, float | None],
    *,
    swept_until: datetime | None,
    answered: Iterable[str],
    silent: Iterable[str],
) -> dict[str, float | None]:
    """The exceptions after one more slice of the sweep: who got an answer, and who got none.

    `swept_until` is where the slice began; None: it was the first.
    """
    gone = set(answered)
    kept = {name: at for name, at in before.items() if name not in gone}
    for name in silent:
        if name not in kept:
            kept[name] = _last_answer(known, name, swept_until)
    return kept


def _last_answer(known: Known, resource: str, swept_until: datetime | None) -> float | None:
    if swept_until is None:
        return None
    return (last_turn(known, resource, before=swept_until) - _EPOCH).total_seconds()
