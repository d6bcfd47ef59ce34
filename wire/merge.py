r"""Merge fields: `{{ name }}`, `{{ name | default }}`, and `\{{` for two literal braces.

There is no logic, no attribute access and no filter: a template can print the values it is handed
and nothing else, so it is safe to take one from anybody.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_OPENING: Final = re.compile(r"\\?\{\{")
_MARKS: Final = ("Mn", "Mc")  # vowel signs and the like belong to the letters of many scripts


class MergeError(ValueError):
    """A merge field that cannot be used. `line` and `column` count from 1, in characters.

    `code` is one of: field-not-closed, field-without-name, field-name (`character` is the one that
    no name may have), unknown-field (`near` is the known name most like it, or ""). `str()` is
    English, for logs.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        line: int,
        column: int,
        field: str | None = None,
        character: str = "",
        near: str = "",
    ) -> None:
        super().__init__(f"Line {line}, column {column}: {sentence}")
        self.code = code
        self.character = character
        self.near = near
        self.line = line
        self.column = column
        self.field = field


@dataclass(frozen=True, slots=True)
class Field:
    """One place where a value goes."""

    name: str
    default: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled text: literal strings and fields in order."""

    parts: tuple[str | Field, ...]
    fields: frozenset[str]

    def render(
        self, values: Mapping[str, str], *, escape: Callable[[str], str] | None = None
    ) -> str:
        """The text with `values` filled in; an empty or missing value gives the field's default.

        `escape` is applied to values only: defaults are the author's text, like all around them.
        """
        filled: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                filled.append(part)
            elif value := values.get(part.name):
                filled.append(escape(value) if escape else value)
            else:
                filled.append(part.default)
        return "".join(filled)


def compile(text: str) -> Template:  # noqa: A001  called as merge.compile, mime.compile
    """Read a text with merge fields. `MergeError`: a field is not closed, empty or badly named.

    Field names are NFC, so that names typed on different systems meet.
    """
    parts = tuple(_joined(_parts(text)))
    return Template(parts, frozenset(part.name for part in parts if isinstance(part, Field)))


def unknown_fields(template: Template, known: Collection[str]) -> list[MergeError]:
    """One error for each place that uses a field not in `known`, with the nearest known name."""
    return [
        _unknown(part, known)
        for part in template.parts
        if isinstance(part, Field) and part.name not in known
    ]


def _unknown(field: Field, known: Collection[str]) -> MergeError:
    near = next(iter(difflib.get_close_matches(field.name, sorted(known), n=1)), "")
    hint = f'did you mean "{near}"?' if near else "use a field of the recipient list."
    return MergeError(
        "unknown-field",
        f'there is no field "{field.name}"; {hint}',
        line=field.line,
        column=field.column,
        field=field.name,
        near=near,
    )


def _parts(text: str) -> Iterator[str | Field]:
    position = 0
    while opening := _OPENING.search(text, position):
        yield text[position : opening.start()]
        if opening[0].startswith("\\"):
            yield "{{"
            position = opening.end()
        else:
            field, position = _field(text, opening.start())
            yield field
    yield text[position:]


def _joined(parts: Iterator[str | Field]) -> Iterator[str | Field]:
    """Neighbouring literals become one: a template without fields is a single string."""
    literal = ""
    for part in parts:
        if isinstance(part, str):
            literal += part
            continue
        if literal:
            yield literal
        yield part
        literal = ""
    if literal:
        yield literal


def _field(text: str, start: int) -> tuple[Field, int]:
    """The field whose braces open at `start`, and where the text goes on."""
    line, column = _place(text, start)
    end = text.find("}}", start + 2)
    inside = text[start + 2 : end]
    if end < 0 or "{{" in inside:
        raise MergeError(
            "field-not-closed",
            'the field opened with "{{" is not closed; write "}}" after its name,'
            r' or "\{{" for two braces.',
            line=line,
            column=column,
        )
    name, _, default = inside.partition("|")
    name = unicodedata.normalize("NFC", name.strip())
    _check_name(name, line, column)
    return Field(name, default.strip(), line, column), end + 2


def _check_name(name: str, line: int, column: int) -> None:
    if not name:
        sentence = 'the field has no name; write one between "{{" and "}}".'
        raise MergeError("field-without-name", sentence, line=line, column=column)
    for character in name:
        if not _is_name_character(character):
            raise MergeError(
                "field-name",
                f'the field name "{name}" contains "{character}"; names are letters, digits,'
                ' "_" and "-", and a default comes after "|".',
                line=line,
                column=column,
                field=name,
                character=character,
            )


def _is_name_character(character: str) -> bool:
    return character.isalnum() or character in "_-" or unicodedata.category(character) in _MARKS


def _place(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")
