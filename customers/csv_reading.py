"""Reading a CSV file as a spreadsheet shows it: its header, and its records with row numbers.

Knows text and cells (RFC 4180, and tabs or semicolons as delimiters); it does not know what the
cells mean.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _

from customers.import_encodings import NAMES, UnknownEncoding, detect, has_nul, open_text

MAX_COLUMNS: Final = 50
MAX_NAME: Final = 60  # characters of a field name, as RecipientList.fields holds them
BLOCK_ROWS: Final = 500  # few enough to be freed before the garbage collector looks at them
DELIMITERS: Final = ",\t;"

# What the address column is called, the surest name first, in the form of `_plain_name`.
ADDRESS_NAMES: Final = (
    "メールアドレス", "emailaddress", "mailaddress", "eメールアドレス", "電子メールアドレス",
    "email", "eメール", "電子メール", "mail", "メール", "アドレス", "address",
)  # fmt: skip
_MARKS: Final = ("Mn", "Mc")  # vowel signs belong to letters, as in wire.merge


class BrokenFile(ValueError):
    """The file as a whole cannot be used; the sentence says what, where, what next.

    It is in the language that is active when the file is read.
    """


@dataclass(frozen=True, slots=True)
class Header:
    """The columns. `fields` are the names of all columns but the address's, in order."""

    address_index: int
    address_name: str
    fields: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.fields) + 1


class Sheet:
    """An open file: `header`, then `blocks()` once. Made by `opened`."""

    def __init__(
        self, file: "io.TextIOWrapper[io.BufferedReader]", encoding: str, delimiter: str
    ) -> None:
        self.encoding = encoding
        self._file = file
        # A strict reader refuses an unclosed quote instead of making one cell of the whole rest.
        self._reader = csv.reader(file, delimiter=delimiter, strict=True)
        self._row = 0
        self.header = read_header(next(iter(self._records(1)), []))

    @property
    def octets_read(self) -> int:
        return self._file.buffer.tell()

    def blocks(self) -> Iterator[tuple[int, list[list[str]]]]:
        """(row of the first record, records) in blocks; row 1 is the header. Raises BrokenFile.

        An empty line is a record without cells: it counts as a row.
        """
        while records := self._records(BLOCK_ROWS):
            yield self._row - len(records) + 1, records

    def _records(self, count: int) -> list[list[str]]:
        records: list[list[str]] = []
        try:
            records.extend(islice(self._reader, count))  # keeps what came before an error
        except csv.Error as error:
            raise BrokenFile(_broken_record(error, self._row + len(records) + 1)) from None
        self._row += len(records)
        return records


@contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """The sheet in a file of any supported encoding and delimiter; raises BrokenFile."""
    try:
        encoding = detect(path)
    except UnknownEncoding as error:
        raise BrokenFile(str(error)) from None
    check_nul(path, encoding)
    delimiter = detect_delimiter(path, encoding)
    with open_text(path, encoding) as file:
        yield Sheet(file, encoding, delimiter)


def detect_delimiter(path: Path, encoding: str) -> str:
    """The one of comma, tab and semicolon that cuts the header into the most cells."""

    def cells(delimiter: str) -> int:
        with open_text(path, encoding) as file:
            try:
                return len(next(csv.reader(file, delimiter=delimiter, strict=True), []))
            except csv.Error:
                return 0

    return max(DELIMITERS, key=cells)


def check_nul(path: Path, encoding: str) -> None:
    """Raises BrokenFile at a NUL character: it means no text, and PostgreSQL stores none."""
    if not has_nul(path, encoding):
        return
    delimiter = detect_delimiter(path, encoding)
    with open_text(path, encoding) as file:
        row, column = _find_nul(csv.reader(file, delimiter=delimiter))
    words = _(
        "Row %(row)s, column %(column)s: there is a NUL character, so this is no text file in "
        "%(encoding)s. Save it as CSV and import it again."
    )
    raise BrokenFile(words % {"row": f"{row:,}", "column": column, "encoding": NAMES[encoding]})


def _find_nul(records: Iterator[list[str]]) -> tuple[int, int]:
    row = 0
    try:
        for row, cells in enumerate(records, 1):
            for column, cell in enumerate(cells, 1):
                if "\0" in cell:
                    return row, column
    except csv.Error:  # a binary file has cells of any length
        pass
    return row + 1, 1


def read_header(cells: Sequence[str]) -> Header:
    """What the first row says; raises BrokenFile."""
    if not any(cell.strip() for cell in cells):
        raise BrokenFile(
            _(
                "Row 1 is empty: it has to name the columns, one of them the address, for example "
                "“email”."
            )
        )
    if len(cells) > MAX_COLUMNS:
        words = _(
            "Row 1 has %(count)s columns and %(most)s are possible: take out those after column "
            "%(most)s."
        )
        raise BrokenFile(words % {"count": f"{len(cells):,}", "most": MAX_COLUMNS})
    index = _address_index(cells)
    names = [field_name(cell) for cell in cells]
    _check_names(cells, names)
    return Header(index, names[index], tuple(names[:index] + names[index + 1 :]))


def field_name(cell: str) -> str:
    """A header as a merge field: NFC; what a field name cannot hold becomes one underscore."""
    text = unicodedata.normalize("NFC", cell.strip().lstrip("\ufeff"))
    kept = "".join(character if _is_name_character(character) else " " for character in text)
    return "_".join(kept.split())


def _is_name_character(character: str) -> bool:
    return character.isalnum() or character in "_-" or unicodedata.category(character) in _MARKS


def _plain_name(cell: str) -> str:
    text = unicodedata.normalize("NFKC", cell).casefold()
    return "".join(character for character in text if character.isalnum() or character == "ー")


def _address_index(cells: Sequence[str]) -> int:
    plain = [_plain_name(cell) for cell in cells]
    for name in ADDRESS_NAMES:
        if name in plain:
            return plain.index(name)
    seen = ", ".join(f"“{cell[:MAX_NAME]}”" for cell in cells[:10])
    words = _("Row 1 names no address column: call it “email”. The columns are: %(columns)s")
    raise BrokenFile(words % {"columns": f"{seen}, …" if len(cells) > 10 else seen})


def _check_names(cells: Sequence[str], names: Sequence[str]) -> None:
    for column, (cell, name) in enumerate(zip(cells, names, strict=True), 1):
        params = {"column": column, "name": cell[:MAX_NAME]}
        if not name:
            words = _(
                "Row 1, column %(column)s: “%(name)s” is no name with letters or digits. Name the "
                "column, or delete it."
            )
            raise BrokenFile(words % params)
        if len(name) > MAX_NAME:
            words = _(
                "Row 1, column %(column)s: the name “%(name)s” has %(length)s characters of at "
                "most %(most)s. Shorten it."
            )
            params = {**params, "name": f"{name[:20]}…", "length": len(name), "most": MAX_NAME}
            raise BrokenFile(words % params)
        if (earlier := names.index(name) + 1) < column:
            words = _(
                "Row 1, column %(column)s: “%(name)s” is the name of column %(earlier)s too. Give "
                "each its own name."
            )
            raise BrokenFile(words % {**params, "name": name, "earlier": earlier})


def _broken_record(error: csv.Error, row: int) -> str:
    words = str(error)
    if "end of data" in words:
        sentence = _(
            "Row %(row)s: a quoted cell that begins there is not closed before the end of the "
            'file. Add the missing " and import the file again.'
        )
    elif "field limit" in words:
        sentence = _(
            'Row %(row)s: one cell holds more than %(most)s characters; most likely a " is '
            "missing at its end."
        )
    else:
        sentence = _(
            'Row %(row)s: after a cell in quotes comes text instead of the next cell. Write a " '
            'inside of quotes as "", and import the file again.'
        )
    return sentence % {"row": f"{row:,}", "most": f"{csv.field_size_limit():,}"}
