"""What an outcome means, by the shipped rules and the operators' own ones before them.

The rules are read when a worker looks at its routes anew (delivery.known), so that judging asks the
database nothing: it happens in the event loop. Who reads reports reads them each time.
"""

import logging
from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from delivery.models import OwnRule
from wire import replies
from wire.outcomes import Outcome
from wire.replies import Rule, Rulebook, RuleRefused, Verdict

log = logging.getLogger(__name__)


class _Shelf:
    """Where a process keeps its rules, and of which rows. Threads need no lock: at worst one of two
    makes the same book again.
    """

    book: Rulebook | None = None
    ids: tuple[int, ...] = ()


_SHELF = _Shelf()


def rulebook() -> Rulebook:
    """The rules as last read by this process; the shipped ones before that."""
    return _SHELF.book or replies.shipped()


def refresh() -> Rulebook:
    """Read the operators' rules again: one short query. A saved rule never changes: the same rows
    are the same book.
    """
    rows = list(_rows())
    ids = tuple(row.pk for row in rows)
    if _SHELF.book is None or _SHELF.ids != ids:
        _SHELF.book, _SHELF.ids = replies.shipped().with_own(_readable(rows)), ids
    return _SHELF.book


def own_rules() -> list[Rule]:
    """The operators' rules that hold, the newest first."""
    return list(_readable(_rows()))


def _rows() -> QuerySet[OwnRule]:
    return OwnRule.objects.filter(withdrawn_at=None).order_by("-id")


def _readable(rows: Iterable[OwnRule]) -> Iterator[Rule]:
    """One that a newer version of the software cannot read any more must not stop the mail."""
    for row in rows:
        try:
            yield replies.read_rule(row.table)
        except RuleRefused:
            log.exception("The own rule %s cannot be used and is left out.", row.name)


def judge(outcome: Outcome) -> Verdict:
    """What an attempt's outcome means, and whom it blames."""
    return replies.judge(outcome, book=rulebook())
