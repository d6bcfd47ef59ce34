"""Regular expressions of rules: Python's for those that we ship, RE2 for what operators write.

Python's engine may try again for each way in which parts of an expression can share a text, which
one careless expression turns into hours. RE2 reads each text once (swtch.com/~rsc/regexp), and
bounds what an expression may take up; so it offers no look-around and no back references.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

import re2

LONGEST: Final = 500  # characters of an expression
MEMORY: Final = 64 * 1024  # octets of one: each text is compared with all of it in the worst case
_HUGE: Final = re.compile(r"\{(?:\d{1,4},)?\d{5}")  # RE2 would take it for plain signs
_NOT_OFFERED: Final = re.compile(r"invalid perl operator: (.+)|invalid escape sequence: (\\[1-9])")


class PatternRefused(ValueError):
    """The expression cannot be used; the words, in English, say where.

    `code` is one of: invalid, not-offered, too-large; `params` are its figures.
    """

    def __init__(self, code: str, sentence: str, **params: object) -> None:
        super().__init__(sentence)
        self.code = code
        self.params = params


class Pattern(Protocol):
    """An expression that is ready to be looked for."""

    @property
    def pattern(self) -> str:
        """As it was written."""

    def search(self, text: str, /) -> object | None:
        """Something unless it is not in the text."""


@dataclass(frozen=True, slots=True)
class Linear:
    """One that needs no more than a look at each character, whatever the text."""

    pattern: str
    _compiled: Any

    def search(self, text: str, /) -> object | None:
        # Replies may carry octets that are not UTF-8 (surrogates); RE2 wants octets that are.
        return self._compiled.search(text.encode("utf-8", "replace"))  # type: ignore[no-any-return]


def compiled(pattern: str) -> Pattern:
    """One of ours, which tests hold against hostile texts. Raises PatternRefused."""
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise _invalid(pattern, str(error)) from error


def check_pattern(pattern: str) -> Pattern:
    """Compile an operator's, letters of either case alike. Raises PatternRefused."""
    if len(pattern) > LONGEST or _HUGE.search(pattern):
        raise _too_large(pattern)
    try:
        return Linear(pattern, re2.compile(pattern.encode("utf-8", "replace"), _options()))
    except re2.error as error:
        raise _refused(pattern, error.args[0].decode("utf-8", "replace")) from error


def _options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = True  # whether it is there is all that is asked
    options.max_mem = MEMORY
    return options


def _refused(pattern: str, said: str) -> PatternRefused:
    if said.startswith("pattern too large"):
        return _too_large(pattern)
    found = _NOT_OFFERED.match(said)
    if found is None:
        return _invalid(pattern, said)
    part = found[1] or found[2]
    sentence = (
        f"the expression “{pattern}” has “{part}”: look-ahead, look-behind and back references"
        " are not offered, as they can be slow. Say it without them."
    )
    return PatternRefused("not-offered", sentence, part=part)


def _invalid(pattern: str, said: str) -> PatternRefused:
    sentence = f"the expression “{pattern}” is not valid: {said}."
    return PatternRefused("invalid", sentence, detail=said)


def _too_large(pattern: str) -> PatternRefused:
    sentence = (
        f"the expression “{pattern[:60]}” is too large: {LONGEST} characters and a few hundred"
        " repeated signs are the most. Use words with * instead."
    )
    return PatternRefused("too-large", sentence, most=LONGEST)
