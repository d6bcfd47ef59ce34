"""What one row of a file becomes: a line to store, or a rejection. Pure, and made for speed.

A line is `key TAB row TAB address TAB domain TAB attributes`, the last three in the text form of
COPY. Sorted, lines are in the order of the index on `key` (collation C), and of equal keys the
first row comes first.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from customers.csv_reading import Header
from customers.import_rejections import MAX_SHOWN, Rejection
from wire.addresses import PLAIN, InvalidAddress, parse

MAX_VALUE: Final = 2000  # characters

# Added to row numbers, so that all have as many digits and sort as text.
_ROW_BASE: Final = 10**9
_ROW_DIGITS: Final = 10

Digest = Callable[[int, list[str]], str | Rejection]

_CONTROL: Final = re.compile(r"[\x00-\x1f]")


def digester(header: Header) -> Digest:
    """The function that turns (row number, cells) into a line or a Rejection."""
    place, name, width = header.address_index, header.address_name, header.width
    template = "{" + ", ".join(f'"{field}": "%s"' for field in header.fields) + "}"
    quotes = template.count('"')
    match, control = PLAIN.fullmatch, _CONTROL.search

    def digest(row: int, cells: list[str]) -> str | Rejection:
        if len(cells) != width:
            return Rejection(row, "", ",".join(cells)[:MAX_SHOWN], "cells")
        written = cells.pop(place)
        key = written.lower()
        if key == written and (plain := match(written)):
            domain = plain[2]
        else:
            try:
                address = parse(written)
            except InvalidAddress as error:
                return Rejection(row, name, written[:MAX_SHOWN], error.code)
            written, key, domain = address.text, address.key, address.domain
        attributes = template % tuple(cells)
        if len(attributes) > MAX_VALUE and (wrong := _too_long(row, header.fields, cells)):
            return wrong
        # isprintable() is the fastest to say that nothing needs an escape; it doubts wide spaces.
        simple = attributes.isprintable() or not control(attributes)
        if not simple or "\\" in attributes or attributes.count('"') != quotes:
            attributes = _careful(header.fields, cells)
        return f"{key}\t{row + _ROW_BASE}\t{written}\t{domain}\t{attributes}"

    return digest


def distinct(lines: Iterable[bytes], on_duplicate: Callable[[int, str], None]) -> Iterator[bytes]:
    """Of sorted lines, the first of each key without its row number: four columns for COPY.

    The others go to `on_duplicate` as (row, address).
    """
    last = b""
    for line in lines:
        key, _, rest = line.partition(b"\t")
        if key == last:
            address = rest[_ROW_DIGITS + 1 :].partition(b"\t")[0].decode()
            on_duplicate(int(rest[:_ROW_DIGITS]) - _ROW_BASE, address)
            continue
        last = key
        yield key + rest[_ROW_DIGITS:]


def _careful(fields: Sequence[str], cells: Sequence[str]) -> str:
    text = json.dumps(dict(zip(fields, cells, strict=True)), ensure_ascii=False)
    return text.replace("\\", "\\\\")


def _too_long(row: int, fields: Sequence[str], cells: Sequence[str]) -> Rejection | None:
    for field, cell in zip(fields, cells, strict=True):
        if len(cell) > MAX_VALUE:
            return Rejection(row, field, cell[:MAX_SHOWN], "value-too-long")
    return None
