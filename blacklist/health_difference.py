"""What of an expected record is there, what is missing, and what should not be there. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

# A term of SPF, a tag of DKIM with its semicolon, a number or name of MX.
_TERM = re.compile(r"[^\s;]+;?")


class Part(StrEnum):
    same = "same"
    missing = "missing"  # expected, not found
    extra = "extra"  # found, not expected


@dataclass(frozen=True, slots=True)
class Piece:
    part: Part
    text: str


def pieces(found: str, expected: str) -> list[Piece]:
    """The expected record from left to right, with what was found in its place."""
    old, new = _TERM.findall(found), _TERM.findall(expected)
    matcher = SequenceMatcher(None, _bare(old), _bare(new), autojunk=False)
    return [
        piece
        for _, start, end, begin, stop in matcher.get_opcodes()
        for piece in _pieces(old[start:end], new[begin:stop])
    ]


def _bare(terms: Sequence[str]) -> list[str]:
    """The last semicolon of a record is optional."""
    return [term.rstrip(";") for term in terms]


def _pieces(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    if _bare(old) == _bare(new):
        yield Piece(Part.same, " ".join(new))
        return
    if old:
        yield Piece(Part.extra, " ".join(old))
    if new:
        yield Piece(Part.missing, " ".join(new))
