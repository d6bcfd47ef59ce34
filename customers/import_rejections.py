"""Rows that were not imported: why, and the list of them that people take home."""

import csv
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers.models import ImportBatch, ImportRejection

MAX_SHOWN: Final = 500  # characters of a value that are kept: enough to find it in the file

# By the codes of wire.addresses.InvalidAddress: what every face says of a bad address.
ADDRESS_FAULTS: Final[dict[str, Promise]] = {
    "empty": _("The address is empty."),
    "control-character": _("The address contains an invisible control character. Delete it."),
    "no-at": _("The address has no @ sign."),
    "bad-local-part": _("The part before the @ sign is empty or has a forbidden character."),
    "dots": _("The part before the @ sign has dots where this domain does not allow them."),
    "bad-domain": _("The part after the @ sign is no valid domain name."),
    "too-long": _("The address is longer than mail servers accept."),
}
# Why a row is not imported.
REASONS: Final[dict[str, Promise]] = {
    "cells": _("The row has more or fewer cells than the header."),
    "duplicate": _("An earlier row has the same address; that one was imported."),
    "value-too-long": _("The value has more than 2,000 characters. Shorten it."),
    **ADDRESS_FAULTS,
}
# Excel and others run a cell that begins so as a formula; a tab or return can hide the sign.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

# Text form of COPY: these four would end a column or a row.
_COPY_TEXT: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is not imported. `row` counts as a spreadsheet does, 1 is the header."""

    row: int
    column: str
    value: str
    reason: str


def rejections_csv(batch: ImportBatch) -> Iterator[str]:
    """The file for download, in pieces, in the reader's language; begins with a BOM for Excel."""
    rows = ImportRejection.objects.filter(batch=batch).order_by("row", "pk")
    yield "\ufeff" + _line([str(_("row")), str(_("column")), str(_("value")), str(_("reason"))])
    columns = ("row", "column", "value", "reason")
    for row, column, value, reason in rows.values_list(*columns).iterator(chunk_size=2000):
        yield _line([str(row), _inert(column), _inert(value), str(REASONS.get(reason, reason))])


def _inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: with an apostrophe before it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


class RejectionSpool:
    """Rejections waiting in an unnamed file for the transaction that stores them."""

    def __init__(self, directory: Path) -> None:
        self._file = tempfile.TemporaryFile(  # noqa: SIM115  closed by __exit__
            "w+", encoding="utf-8", newline="\n", dir=directory
        )
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, rejection: Rejection) -> None:
        cells = (str(rejection.row), rejection.column, rejection.value, rejection.reason)
        self._file.write("\t".join(cell.translate(_COPY_TEXT) for cell in cells) + "\n")
        self.count += 1

    def store(self, *, batch_id: int) -> None:
        """COPY all of them into the batch; call it inside the transaction, and last."""
        self._file.seek(0)
        columns = 'batch_id, row, "column", value, reason'
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY customers_importrejection ({columns}) FROM STDIN") as copy,
        ):
            for lines in iter(lambda: self._file.readlines(1 << 16), []):
                copy.write("".join(f"{batch_id}\t{line}" for line in lines))
