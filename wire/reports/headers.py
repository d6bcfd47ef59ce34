"""Header fields as they really come: folded wrongly, undecoded, repeated, endless."""

from __future__ import annotations

import binascii
import re
from typing import Final

from wire.reports.charsets import text_of

LONGEST_BLOCK: Final = 256 * 1024  # octets of one header that are read
MOST_FIELDS: Final = 1000
LONGEST_VALUE: Final = 16 * 1024

# RFC 5322 allows more in a name, but what stands before a colon in words is no field.
_FIELD: Final = re.compile(rb"([A-Za-z0-9][\w./+-]{0,75})[ \t]*:(?!//)")
# RFC 2047 section 2, with the language of RFC 2231 section 5.
_WORD: Final = re.compile(r"=\?([\w.:-]{1,40})(?:\*[\w-]{0,20})?\?([BbQq])\?([^?\s]{0,4000})\?=")
_BETWEEN_WORDS: Final = re.compile(r"(?<=\?=)[ \t\r\n]{1,80}(?==\?)")
_PARAMETER: Final = re.compile(
    r";\s{0,80}([\w!#$&+.^`|~-]{1,60})\*?\d{0,3}\*?\s{0,20}=\s{0,20}"
    r"(?:\"((?:[^\"\\]|\\.){0,1000})\"?|([^;\s\"]{1,1000}))"
)


class Headers:
    """The fields of one header, names in any case; values are unfolded, not yet decoded."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def __len__(self) -> int:
        return len(self._fields)

    def get(self, name: str) -> str:
        """The first field of that (lower-case) name, "" if there is none."""
        values = self._fields.get(name)
        return values[0] if values else ""

    def all(self, name: str) -> list[str]:
        return self._fields.get(name, [])

    def words(self, name: str) -> str:
        """The first field with its encoded words read (RFC 2047)."""
        return decoded(self.get(name))


def read(block: bytes) -> Headers:
    """The fields of a header block, lines ended by LF.

    A line that is neither a field nor folded belongs to the field before it: gateways re-wrap.
    """
    fields: dict[str, list[str]] = {}
    name, lines, count = "", [b""], 0
    for line in block[:LONGEST_BLOCK].split(b"\n"):
        found = _FIELD.match(line)
        if found is None:
            lines.append(line.strip())
            continue
        _keep(fields, name, lines)
        name, lines = found[1].decode("ascii").lower(), [line[found.end() :].strip()]
        count += 1
        if count > MOST_FIELDS:
            return Headers(fields)
    _keep(fields, name, lines)
    return Headers(fields)


def _keep(fields: dict[str, list[str]], name: str, lines: list[bytes]) -> None:
    if name:
        value = b" ".join(lines)[:LONGEST_VALUE].strip()
        fields.setdefault(name, []).append(text_of(value))


def split(octets: bytes) -> tuple[Headers, bytes]:
    """A message or part: header and body. Without a header, all of it is body."""
    head, begin = leading(octets, 0, len(octets))
    return head, octets[begin:]


def leading(octets: bytes, start: int, end: int) -> tuple[Headers, int]:
    """The header at `start`, and where the body after it begins; the body is not copied."""
    if octets.startswith(b"\n", start, end):
        return Headers({}), start + 1
    if not _FIELD.match(octets, start, end):
        return Headers({}), start
    cut = octets.find(b"\n\n", start, end)
    head = read(octets[start : min(cut if cut >= 0 else end, start + LONGEST_BLOCK)])
    return head, cut + 2 if cut >= 0 else end


def decoded(value: str) -> str:
    """Encoded words read; those that are broken stay as they are."""
    if "=?" not in value:
        return value
    return _WORD.sub(_word, _BETWEEN_WORDS.sub("", value))


def _word(found: re.Match[str]) -> str:
    charset, kind, letters = found.groups()
    octets = letters.encode("utf-8", "replace")
    try:
        if kind in "Bb":
            octets = binascii.a2b_base64(octets + b"==")
        else:
            octets = binascii.a2b_qp(octets, header=True)
    except binascii.Error:
        return found[0]
    return text_of(octets, charset)


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """A Content-Type: its type in lower case, and its parameters (RFC 2045 section 5.1)."""
    kind = (value.partition(";")[0].split() or [""])[0].lower()
    found = {
        name.lower(): (quoted.replace("\\", "") if quoted else bare)
        for name, quoted, bare in _PARAMETER.findall(value)
    }
    return kind, found
