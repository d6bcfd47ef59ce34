"""The text of an HTML mail, for the plain half of multipart/alternative. Merge fields survive."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

from wire import merge

_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt",
    "fieldset", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody", "tfoot", "thead", "tr",
    "ul"
})  # fmt: skip
_APART: Final = frozenset({
    "blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"
})  # fmt: skip
_SILENT: Final = frozenset({"script", "style", "template", "title"})
_SPACES: Final = re.compile(r"[ \t\r\n\f\xa0]+")
# Noncharacters stand around the number of a field while the HTML is read: no text holds them.
_FIELD: Final = re.compile("\ufdd0([0-9]+)\ufdd1")
_MARKS: Final = re.compile("[\ufdd0\ufdd1]")


def text_of(html: str) -> str:
    """Lines for blocks, "text (address)" for links, the words of pictures; "" if there are none.

    `merge.MergeError` when a merge field in `html` is broken.
    """
    source, fields = _marked(html)
    reader = _Reader()
    reader.feed(source)
    reader.close()
    literal = reader.text().replace("{{", r"\{{")
    return _FIELD.sub(lambda found: fields[int(found[1])], literal)


def _marked(html: str) -> tuple[str, list[str]]:
    """The HTML with marks for its fields, and these: what is inside of one is not HTML yet."""
    fields: list[str] = []
    parts: list[str] = []
    for part in merge.compile(_MARKS.sub("", html)).parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        field = _written(part)
        if field not in fields:
            fields.append(field)
        parts.append(f"\ufdd0{fields.index(field)}\ufdd1")
    return "".join(parts), fields


def _written(field: merge.Field) -> str:
    """The field for a text: its default is the author's HTML, so it is read as such too."""
    reader = _Reader()
    reader.feed(field.default)
    reader.close()
    # Braces that were written as &#123; would end the field, or begin another in it.
    default = " ".join(reader.text().split()).replace("{{", "{ {").replace("}}", "} }")
    return f"{{{{ {field.name} | {default} }}}}" if default else f"{{{{ {field.name} }}}}"


class _Reader(HTMLParser):
    """Collects lines; `_gap` is how many line ends the next words must have before them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._gap = 0
        self._silent = 0
        self._links: list[tuple[str, int]] = []  # address, and where its words begin

    def text(self) -> str:
        lines = "".join(self._out).split("\n")
        whole = "\n".join(line.strip(" ") for line in lines).strip("\n")
        return f"{whole}\n" if whole else ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._silent += tag in _SILENT
        self._break(tag)
        if tag == "br":
            self._words("\n")
        elif tag == "li":
            self._words("- ")
        elif tag in {"td", "th"}:
            self._words(" ")
        elif tag == "img":
            self.handle_data(values.get("alt", ""))
        elif tag == "a":
            self._links.append((values.get("href", "").strip(), len(self._out)))

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT and self._silent > 0
        if tag == "a" and self._links:
            self._end_link(*self._links.pop())
        self._break(tag)

    def handle_data(self, data: str) -> None:
        words = _SPACES.sub(" ", data)
        if self._gap or not self._out or self._out[-1].endswith((" ", "\n")):
            words = words.lstrip(" ")
        self._words(words)

    def _words(self, words: str) -> None:
        if self._silent or not words:
            return
        if self._gap and self._out and words != " ":
            self._out.append("\n" * self._gap)
        if words != " ":
            self._gap = 0
        self._out.append(words)

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS and self._out and self._out[-1] != "- ":
            self._gap = max(self._gap, 2 if tag in _APART else 1)

    def _end_link(self, address: str, start: int) -> None:
        shown = "".join(self._out[start:]).strip()
        bare = address.removeprefix("mailto:").removeprefix("tel:")
        if address.startswith(("#", "javascript:")) or not bare or bare == shown:
            return
        self._words(f" ({bare})" if shown else bare)
