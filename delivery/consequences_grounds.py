"""Whether suppressions still rest on enough open strikes: the table's own decision, played again.

Read by reversals, before and after strikes are taken back. Addresses go through in portions, so
that an incident's million of them need no more memory than one portion.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection

from delivery import consequences_policy, consequences_strikes, consequences_table
from delivery.consequences_strikes import OpenStrike
from delivery.consequences_table import Consequence
from delivery.models import SuppressionScope

PORTION: Final = 20_000  # addresses

_TOUCHED: Final = """
SELECT DISTINCT key, customer_id, category FROM delivery_strike WHERE reversal_id = %(reversal)s
ORDER BY key
"""

# The last suppression of each address, customer and reason; earlier ones are history.
_LATEST: Final = """
SELECT DISTINCT ON (key, customer_id, reason) id, key, customer_id, reason, lifted_cause,
    lifted_at IS NULL, attempt_id IS NOT NULL OR report_id IS NOT NULL, expires_at
FROM customers_suppression WHERE key = ANY(%(keys)s)
ORDER BY key, customer_id, reason, id DESC
"""

# (key, customer id, reason)
Touched = tuple[str, int, str]


class _Latest(NamedTuple):
    id: int
    key: str
    customer_id: int | None
    reason: str
    lifted_cause: str
    is_held: bool
    is_caused: bool
    expires_at: datetime | None

    def can_be_restored(self, now: datetime) -> bool:
        is_over = self.expires_at is not None and self.expires_at <= now
        return self.lifted_cause.startswith("reversal:") and not is_over


def is_founded(strikes: Sequence[OpenStrike], table: Mapping[str, Consequence]) -> bool:
    """Whether these strikes, all for one reason, would have suppressed when one of them was given.

    The table's scopes are those of the suppression: what operators set since is for those to come.
    """
    for last in strikes:
        row = consequences_table.consequence(last.category, table)
        until_then = [strike.at for strike in strikes if strike.at <= last.at]
        if consequences_table.suppresses(
            row, until_then, after_data=last.is_after_data, now=last.at
        ):
            return True
    return False


def touched(reversal_id: int) -> list[Touched]:
    """What the strikes of a reversal were for, in the order of the addresses."""
    table = consequences_policy.current()
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED, {"reversal": reversal_id})
        rows = cursor.fetchall()
    return [
        (key, customer_id, reason.value)
        for key, customer_id, category in rows
        if (reason := consequences_table.consequence(category, table).reason)
    ]


def unfounded(found: Sequence[Touched]) -> Iterator[list[int]]:
    """Portions of the ids of suppressions that hold, and have too few strikes left to rest on."""
    for rows, judged in _portions(found):
        yield [row.id for row in rows if row.is_held and not judged.founds(row)]


def founded(found: Sequence[Touched], *, now: datetime) -> Iterator[list[int]]:
    """Portions of the ids of suppressions that a reversal lifted, and that have enough again."""
    for rows, judged in _portions(found):
        yield [row.id for row in rows if row.can_be_restored(now) and judged.founds(row)]


class _Strikes:
    """The open strikes of one portion of addresses."""

    def __init__(self, keys: Sequence[str], table: Mapping[str, Consequence]) -> None:
        self._own = consequences_strikes.open_strikes(keys, table)
        self._of_customer = _scoped(table, SuppressionScope.CUSTOMER)
        self._of_everyone = _scoped(table, SuppressionScope.EVERYONE)
        self._all: dict[tuple[str, str], list[OpenStrike]] = {}
        for (key, _customer), by_reason in self._own.items():
            for reason, strikes in by_reason.items():
                self._all.setdefault((key, reason), []).extend(strikes)

    def founds(self, row: _Latest) -> bool:
        if row.customer_id is None:
            return is_founded(self._all.get((row.key, row.reason), []), self._of_everyone)
        own = self._own.get((row.key, row.customer_id), {})
        return is_founded(own.get(row.reason, []), self._of_customer)


def _scoped(table: Mapping[str, Consequence], scope: SuppressionScope) -> dict[str, Consequence]:
    return {category: replace(row, scope=scope) for category, row in table.items()}


def _portions(found: Sequence[Touched]) -> Iterator[tuple[list[_Latest], _Strikes]]:
    """The suppressions that an attempt or a report caused, with the strikes to judge them by."""
    table = consequences_policy.current()
    for start in range(0, len(found), PORTION):
        part = found[start : start + PORTION]
        keys = sorted({key for key, _customer, _reason in part})
        yield _latest(part, keys), _Strikes(keys, table)


def _latest(part: Sequence[Touched], keys: Sequence[str]) -> list[_Latest]:
    own = set(part)
    of_all = {(key, reason) for key, _customer, reason in part}
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, {"keys": list(keys)})
        rows = [_Latest._make(row) for row in cursor.fetchall()]
    return [
        row
        for row in rows
        if row.is_caused
        and (
            (row.key, row.reason) in of_all
            if row.customer_id is None
            else (row.key, row.customer_id, row.reason) in own
        )
    ]
