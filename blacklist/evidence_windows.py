"""Sliding windows over replies: how many, from how many hosts, within the last minutes.

They live in the watch's memory and are filled again from PostgreSQL, so that nothing is lost with
the process or with Valkey.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from blacklist.evidence import Key, Said
from blacklist.listing_rules import Replies

# Replies of one host within so many seconds are kept as one number.
GRAIN = 5


@dataclass(slots=True)
class _Cell:
    count: int
    named: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """What one window holds: how much, since when, and in which destination groups."""

    replies: Replies
    first_at: datetime
    last_at: datetime
    destinations: tuple[str, ...]


class Windows:
    """One window for each listing that replies speak of, by destination group and host."""

    def __init__(self, within: timedelta) -> None:
        self._within = within
        self._cells: dict[Key, dict[tuple[str, str, int], _Cell]] = {}

    def clear(self) -> None:
        self._cells.clear()

    def add(self, key: Key, replies: Iterable[Said]) -> None:
        cells = self._cells.setdefault(key, {})
        for said in replies:
            place = (said.destination, said.host, int(said.at.timestamp()) // GRAIN)
            named = said.count if said.is_named else 0
            cell = cells.get(place)
            if cell is None:
                cells[place] = _Cell(said.count, named, said.at, said.at)
                continue
            cell.count += said.count
            cell.named += named
            cell.first_at = min(cell.first_at, said.at)
            cell.last_at = max(cell.last_at, said.at)

    def span(self, key: Key, *, now: datetime) -> Span | None:
        """What the window of one listing holds now; None: nothing any more."""
        cells = self._cells.get(key, {})
        for place in [one for one, cell in cells.items() if cell.last_at <= now - self._within]:
            del cells[place]
        if not cells:
            self._cells.pop(key, None)
            return None
        return Span(
            replies=Replies(
                count=sum(cell.count for cell in cells.values()),
                hosts=len({host for _destination, host, _at in cells}),
                named=sum(cell.named for cell in cells.values()),
            ),
            first_at=min(cell.first_at for cell in cells.values()),
            last_at=max(cell.last_at for cell in cells.values()),
            destinations=tuple(sorted({destination for destination, _host, _at in cells})),
        )
