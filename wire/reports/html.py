"""The words of a notice that comes as HTML only: lines for blocks, no layout."""

from __future__ import annotations

import html as entities
import re
from typing import Final

_SILENT: Final = ("style", "script", "head")
# A repetition never crosses the next "<", so unclosed tags cost no more than their length.
_BREAK: Final = re.compile(
    r"<(?:br|/?p|/?div|/?tr|/?li|/?h\d|/?table|/?pre|hr)\b[^>]{0,500}>", re.IGNORECASE
)
_CELL: Final = re.compile(r"<(?:td|th)\b[^>]{0,500}>", re.IGNORECASE)
_TAG: Final = re.compile(r"<(?:[a-z!/?][^<>@]{0,2000}|a\s[^<>]{0,2000})>", re.IGNORECASE)
_SPACES: Final = re.compile(r"[ \t\xa0]+")


def words(markup: str) -> str:
    """Text with a line for each block. Addresses in angle brackets are kept."""
    text = _BREAK.sub("\n", _without_silent(markup))
    text = _TAG.sub("", _CELL.sub(" ", text))
    text = _SPACES.sub(" ", entities.unescape(text))
    return "\n".join(line.strip() for line in text.split("\n"))


def _without_silent(markup: str) -> str:
    """Without what no reader sees; an element that is not closed stays."""
    for tag in _SILENT:
        lower, kept, begin = markup.lower(), [], 0
        while (start := lower.find(f"<{tag}", begin)) >= 0:
            end = lower.find(f"</{tag}", start)
            if end < 0:
                break
            kept.append(markup[begin:start])
            begin = end
        markup = "".join([*kept, markup[begin:]])
    return markup
