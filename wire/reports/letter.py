"""A mail as a tree of parts, read in bounded time and memory whatever it is.

The library's `email` package recurses into every level, and raises RecursionError at some hundred.
This reader stops at `DEEPEST` levels and `MOST_PARTS` parts, and copies no part more than once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from wire.reports import headers as fields
from wire.reports import html
from wire.reports.charsets import LONGEST_TEXT, text_of, transfer_decoded
from wire.reports.headers import Headers

DEEPEST: Final = 8
MOST_PARTS: Final = 200
LONGEST_MAIL: Final = 32 * 1024 * 1024  # octets; what comes after them is not read

RETURNED: Final = frozenset({
    "message/rfc822", "message/global", "message/partial", "message/news", "application/rfc822",
    "message/rfc822-headers", "message/global-headers", "text/rfc822-headers",
    "text/rfc822-header", "text/rfc822",
})  # fmt: skip
_OWN_LINES: Final = re.compile(rb"\A>?From [^\n]{0,500}\n")
_MOST_LINES: Final = 20_000  # lines that begin like a boundary; a flood of them is not read on
_BOUNDARY_LINE: Final = re.compile(
    rb"(?:\A|\n)--([^\s\n][^\n]{0,99}?)-{0,2}[ \t]*\nContent-", re.IGNORECASE
)


@dataclass(slots=True)
class Part:
    """One part, or the whole mail. `body` is as transferred; where there are `parts`, it is what
    stands before the first of them.
    """

    headers: Headers
    body: bytes
    type: str
    parameters: dict[str, str]
    parts: list[Part] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The words of a text part, HTML read as text; at most 256 KiB."""
        return self.read(LONGEST_TEXT)

    def read(self, most: int) -> str:
        """The same, with at most that many octets."""
        encoding = self.headers.get("content-transfer-encoding")
        octets = transfer_decoded(self.body, encoding, most)
        words = text_of(octets, self.parameters.get("charset", ""))
        return html.words(words) if self.type == "text/html" else words

    @property
    def octets(self) -> bytes:
        """The content of a part that is itself a message or a header."""
        encoding = self.headers.get("content-transfer-encoding").strip().lower()
        if encoding in {"base64", "quoted-printable"}:
            return _newlines(transfer_decoded(self.body, encoding))
        return self.body

    def walk(self) -> Iterator[Part]:
        """Itself and its parts, in the order of the mail; not into returned messages."""
        yield self
        for part in self.parts:
            yield from part.walk()


def read(raw: bytes) -> Part:
    """Any octets. Line ends may be CRLF, LF or CR."""
    octets = _newlines(raw[:LONGEST_MAIL]).lstrip(b"\n\t ")
    if own := _OWN_LINES.match(octets):  # the line that mbox puts before a mail
        octets = octets[own.end() :]
    return _part(octets, 0, len(octets), 0, [MOST_PARTS])


def _newlines(octets: bytes) -> bytes:
    if b"\r" in octets:
        octets = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return octets


def _part(octets: bytes, start: int, end: int, depth: int, room: list[int]) -> Part:
    """The part between two places of the mail. Only what is no multipart gets octets of its own."""
    room[0] -= 1
    head, begin = fields.leading(octets, start, end)
    kind, parameters = fields.parameters(head.get("content-type"))
    part = Part(head, b"", _likely_type(kind, head, depth), parameters)
    if kind.startswith("multipart/") and depth < DEEPEST:
        for first, last in _pieces(octets, begin, end, parameters.get("boundary", "")):
            if room[0] <= 0:
                break
            if not part.parts:
                part.body = octets[begin : min(first, begin + LONGEST_TEXT)]
            part.parts.append(_part(octets, first, last, depth + 1, room))
    if not part.parts:
        part.body = octets[begin:end]
    return part


def _likely_type(kind: str, head: Headers, depth: int) -> str:
    """A part without a type is text; one with Received is the returned message's own header."""
    if depth and "received" in head and ("from" in head or "message-id" in head):
        return kind if kind in RETURNED else "message/rfc822-headers"
    return kind or "text/plain"


def _pieces(octets: bytes, begin: int, end: int, boundary: str) -> Iterator[tuple[int, int]]:
    """Where the parts between the boundary lines are (RFC 2046 section 5.1.1).

    When the boundary that was declared is nowhere, the first line that looks like one is it.
    """
    line = b"--" + boundary.strip().encode("utf-8", "replace")
    if not boundary.strip() or octets.find(line, begin, end) < 0:
        found = _BOUNDARY_LINE.search(octets, max(begin - 1, 0), end)
        if found is None:
            return
        line = b"--" + found[1]
    start = -1
    for first, after, last in _boundaries(octets, begin, end, line):
        if start >= 0:
            yield start, max(start, first - 1)
        start = after
        if last:
            return
    if start >= 0:
        yield start, end


def _boundaries(
    octets: bytes, begin: int, end: int, line: bytes
) -> Iterator[tuple[int, int, bool]]:
    """Where each boundary line begins and ends, and whether it is the closing one."""
    seen = 0
    while seen < _MOST_LINES and (begin := octets.find(line, begin, end)) >= 0:
        after = octets.find(b"\n", begin, end)
        after = after if after >= 0 else end
        rest = octets[begin + len(line) : min(after, begin + len(line) + 80)].rstrip()
        seen += 1
        if rest in {b"", b"--"} and (begin == 0 or octets[begin - 1] == 10):
            yield begin, min(after + 1, end), rest == b"--"
        begin = after
