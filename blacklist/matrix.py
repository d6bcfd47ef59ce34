"""What is known of every resource on every list, and how fresh that is. For pages and commands."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from blacklist import known_lists, listings, resources, sweep_store
from blacklist.evidence import Key
from blacklist.known_lists import Known, KnownLists
from blacklist.listing_rules import is_stale
from blacklist.listing_states import ListingState
from blacklist.models import Listing
from blacklist.resources import Resources
from blacklist.sweep import answered_at
from blacklist.sweep_store import Progress


@dataclass(frozen=True, slots=True)
class Cell:
    """One resource on one list. `told_at` is when the list, or else a receiver, last told anything;
    `is_stale`: too long ago for the state to be shown as true.
    """

    resource: str
    known: Known
    state: ListingState
    told_at: datetime | None
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells, and the lists that tell nothing now, by name."""

    cells: tuple[Cell, ...]
    in_trouble: Mapping[str, Progress]

    @property
    def open_cells(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.state != ListingState.CLEAR]

    @property
    def stale(self) -> int:
        return sum(cell.is_stale for cell in self.cells)


def read(*, now: datetime) -> Matrix:
    """As the database has it. Lists that are not asked have cells for what is open on them only."""
    lists, progress = known_lists.read(), sweep_store.read()
    rows = {Key(row.resource, row.blocklist): row for row in listings.open_ones()}
    asked = {known.name for known in lists.asked()}
    return Matrix(
        cells=(
            *_asked(resources.gather(now=now), lists, progress, rows, now=now),
            *_not_asked(lists, asked, rows.values(), now=now),
        ),
        in_trouble={name: one for name, one in progress.items() if one.trouble and name in asked},
    )


def _asked(
    found: Resources,
    lists: KnownLists,
    progress: Mapping[str, Progress],
    rows: Mapping[Key, Listing],
    *,
    now: datetime,
) -> Iterator[Cell]:
    for known in lists.asked():
        swept = progress.get(known.name, Progress())
        for one in found.values():
            if known.holds(one.kind):
                row = rows.get(Key(one.text, known.name))
                own = row.answered_at if row is not None else None
                told_at = _latest(_swept_at(known, one.text, swept), own)
                yield _cell(one.text, known, row, told_at, now=now)


def _not_asked(
    lists: KnownLists, asked: set[str], rows: Iterable[Listing], *, now: datetime
) -> Iterator[Cell]:
    for row in rows:
        if row.blocklist not in asked:
            told_at = _latest(row.answered_at, row.last_reply_at)
            yield _cell(row.resource, lists.named(row.blocklist), row, told_at, now=now)


def _cell(
    resource: str, known: Known, row: Listing | None, told_at: datetime | None, *, now: datetime
) -> Cell:
    state = ListingState(row.state) if row is not None else ListingState.CLEAR
    stale = is_stale(told_at, cadence=known.cadence, now=now)
    return Cell(resource, known, state, told_at, stale)


def _swept_at(known: Known, resource: str, swept: Progress) -> datetime | None:
    if swept.swept_until is None:
        return None
    return answered_at(known, resource, swept_until=swept.swept_until, unanswered=swept.unanswered)


def _latest(*times: datetime | None) -> datetime | None:
    return max((at for at in times if at is not None), default=None)
