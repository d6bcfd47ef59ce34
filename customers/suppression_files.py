"""Suppressions as CSV: taking a file in, whole or not at all, and giving one out."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from customers import audit, suppressions
from customers.csv_reading import Header, Sheet, opened
from customers.models import Contact, ContactStatus, Suppression, SuppressionReason
from wire.addresses import InvalidAddress, parse

MOST_ROWS: Final = 1_000_000
MOST_PROBLEMS: Final = 100
REASON_NAMES: Final = ("reason", "理由")
EXPIRY_NAMES: Final = ("expires_at", "期限")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
COLUMNS: Final = ("email", "reason", "scope", "created_at", "expires_at", "evidence")

_INSERT: Final = f"""
WITH put AS (
    INSERT INTO customers_suppression AS s (customer_id, key, reason, evidence, created_by_id,
        created_at, expires_at, by_operator, lifted_why, lifted_cause)
    SELECT %(customer)s, key, reason, %(evidence)s, %(by)s, %(now)s,
        CASE WHEN bool_and(expires_at IS NOT NULL) THEN max(expires_at) END, %(by_operator)s,
        '', ''
    FROM incoming_suppression GROUP BY key, reason ORDER BY key, reason
    {suppressions.KEEP_STRICTER}
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM put
"""  # noqa: S608 - of constants only


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong in one cell; row 1 is the header, as a spreadsheet counts."""

    row: int
    column: str
    sentence: str


class ImportRefused(ValueError):
    """Nothing was changed. `problems` are the first hundred, in the order of the file."""

    def __init__(self, problems: Sequence[RowProblem]) -> None:
        super().__init__(f"{len(problems)} problems, the first in row {problems[0].row}")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Imported:
    """`known` were suppressed for that reason before, or stood twice in the file.

    `stricter` of these hold for longer now, or can be lifted by operators only.
    """

    added: int
    known: int
    stricter: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    reason: str
    expires_at: datetime | None


def take_in(
    path: Path, *, customer_id: int | None, name: str, by: audit.Actor, now: datetime
) -> Imported:
    """Suppress every address of a CSV file, for a customer or (None) for everyone.

    A column `reason` holds codes or words of SuppressionReason (default: added by hand), a column
    `expires_at` a date or time; others are not read. Raises csv_reading.BrokenFile or
    ImportRefused, then nothing was changed.
    """
    with opened(path) as sheet:
        rows = _read(sheet, now)
    with transaction.atomic():
        suppressions.close_expired(now=now)
        added, stricter = _store(rows, customer_id, name, by, now)
        if customer_id is not None:
            _end_contacts(customer_id)
        audit.record(
            verb="suppression.import",
            subject=f"file:{name}"[:120],
            customer_id=customer_id,
            by=by,
            now=now,
            evidence={"rows": len(rows), "added": added, "stricter": stricter},
        )
    return Imported(added, len(rows) - added, stricter)


def _read(sheet: Sheet, now: datetime) -> list[_Row]:
    reading = _Reading(sheet.header, now)
    for first, records in sheet.blocks():
        for number, cells in enumerate(records, first):
            reading.take(number, cells)
        if len(reading.problems) >= MOST_PROBLEMS:
            break
    if reading.problems:
        raise ImportRefused(reading.problems[:MOST_PROBLEMS])
    return reading.rows


class _Reading:
    """Rows and problems as they come."""

    def __init__(self, header: Header, now: datetime) -> None:
        self._now = now
        names = list(header.fields)
        names.insert(header.address_index, header.address_name)
        self._names = names
        self._address = header.address_index
        self._reason = _place(names, REASON_NAMES)
        self._expiry = _place(names, EXPIRY_NAMES)
        self._words = reason_words()
        self.rows: list[_Row] = []
        self.problems: list[RowProblem] = []

    def take(self, number: int, cells: Sequence[str]) -> None:
        """One record; an empty line is nothing."""
        if not any(cell.strip() for cell in cells):
            return
        try:
            self.rows.append(self._row(cells))
        except _Wrong as wrong:
            column = self._names[wrong.place or 0]
            self.problems.append(RowProblem(number, column, str(wrong)))

    def _row(self, cells: Sequence[str]) -> _Row:
        if len(self.rows) >= MOST_ROWS:
            raise _Wrong(0, _("The file has more than 1,000,000 rows: split it."))
        if len(cells) > len(self._names):
            words = _("The row has %(found)s cells, the first line names %(expected)s.")
            raise _Wrong(0, words % {"found": len(cells), "expected": len(self._names)})
        try:
            key = parse(_cell(cells, self._address)).key
        except InvalidAddress as error:
            raise _Wrong(self._address, str(error)) from None
        reason = self._reason_of(cells)
        return _Row(key, reason.value, self._expiry_of(cells, reason))

    def _reason_of(self, cells: Sequence[str]) -> SuppressionReason:
        cell = _cell(cells, self._reason)
        if not cell:
            return SuppressionReason.MANUAL
        found = self._words.get(cell.casefold())
        if found is None:
            words = _("“%(cell)s” is no reason: use one of %(known)s.")
            known = ", ".join(SuppressionReason.values)
            raise _Wrong(self._reason, words % {"cell": cell[:60], "known": known})
        return SuppressionReason(found)

    def _expiry_of(self, cells: Sequence[str], reason: SuppressionReason) -> datetime | None:
        try:
            found = moment(_cell(cells, self._expiry))
        except (ValueError, OverflowError):
            words = _("This is no date: write it like 2027-03-31, or leave it empty.")
            raise _Wrong(self._expiry, words) from None
        try:
            suppressions.check_expiry(reason, found, now=self._now)
        except suppressions.ExpiryRefused as refused:
            raise _Wrong(self._expiry, str(refused)) from None
        return found


class _Wrong(Exception):
    """A cell that cannot be used: the place of its column, and a sentence for the reader."""

    def __init__(self, place: int | None, sentence: str) -> None:
        super().__init__(sentence)
        self.place = place


def reason_words() -> Mapping[str, str]:
    """Code or word, in lower case and in the language of now -> code."""
    labels = {str(reason.label).casefold(): reason.value for reason in SuppressionReason}
    return labels | {reason.value: reason.value for reason in SuppressionReason}


def moment(text: str) -> datetime | None:
    """A time, or the end of a day in the zone of now; None for nothing. Raises ValueError."""
    if not text:
        return None
    if day := parse_date(text):
        return timezone.make_aware(datetime.combine(day, time.max.replace(microsecond=0)))
    found = parse_datetime(text)
    if found is None:
        raise ValueError(text)
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def _place(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    lower = [name.lower() for name in names]
    return next((lower.index(name) for name in wanted if name in lower), None)


def _cell(cells: Sequence[str], place: int | None) -> str:
    cell = cells[place].strip() if place is not None and place < len(cells) else ""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA else cell  # see _inert


def _store(
    rows: Sequence[_Row], customer_id: int | None, name: str, by: audit.Actor, now: datetime
) -> tuple[int, int]:
    """(new, of the others those that hold more strictly now)"""
    person = audit.person_of(by)
    with connection.cursor() as cursor:
        cursor.execute(
            'CREATE TEMPORARY TABLE incoming_suppression (key text COLLATE "C", reason text,'
            " expires_at timestamptz) ON COMMIT DROP"
        )
        with cursor.copy("COPY incoming_suppression FROM STDIN") as copy:
            for row in rows:
                copy.write_row((row.key, row.reason, row.expires_at))
        params: dict[str, Any] = {
            "customer": customer_id,
            "evidence": Jsonb({"file": name}),
            "now": now,
            "by": person.pk if person else None,
            "by_operator": suppressions.is_operators(by),
        }
        cursor.execute(_INSERT, params)
        added, stricter = cursor.fetchone()
        cursor.execute("DROP TABLE incoming_suppression")
    return int(added), int(stricter)


def _end_contacts(customer_id: int) -> None:
    """Opt-outs are kept with the contacts as well, so that lists and exports show them."""
    ended = Suppression.objects.active().filter(
        customer_id=customer_id, reason=SuppressionReason.UNSUBSCRIBED
    )
    own = Contact.objects.filter(
        recipient_list__customer_id=customer_id, key__in=ended.values("key")
    )
    own.exclude(status=ContactStatus.UNSUBSCRIBED).update(status=ContactStatus.UNSUBSCRIBED)


def give_out(rows: "QuerySet[Suppression]", *, to_operator: bool = False) -> Iterator[str]:
    """Lines of CSV, codes as they are stored, times in UTC; `take_in` reads them again.

    What the evidence of those for everyone is, only operators are told.
    """
    yield "\ufeff" + _line(COLUMNS)  # so that spreadsheets read UTF-8
    for row in rows.iterator(chunk_size=2000):
        yield _line(
            (
                row.key,
                row.reason,
                "customer" if row.customer_id else "everyone",
                row.created_at.isoformat(timespec="seconds"),
                row.expires_at.isoformat(timespec="seconds") if row.expires_at else "",
                _evidence(row) if row.customer_id or to_operator else "",
            )
        )


def _evidence(row: Suppression) -> str:
    if row.report_id:
        return f"report {row.report_id}"
    if row.attempt_id:
        return f"attempt {row.attempt_id}"
    return " ".join(f"{name}={value}" for name, value in row.evidence.items())


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([_inert(cell) for cell in cells])
    return out.getvalue()


def _inert(cell: str) -> str:
    """A spreadsheet runs a cell that begins so as a formula: an apostrophe before it."""
    return f"'{cell}" if cell[:1] in _FORMULA and cell else cell
