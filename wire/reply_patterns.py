"""Regular expressions of rules, kept to such as no text can make slow.

Python's engine tries again for each way in which repeats can share a text. With at most one
unbounded repeat, two bounded ones and none inside another, a text of 4 KB costs milliseconds.
"""

import re
from typing import Final

LONGEST_REPEAT: Final = 80
_BOUNDED: Final = re.compile(r"\{(\d*)(?:(,)(\d*))?\}")


class PatternRefused(ValueError):
    """The expression is wrong, or could be slow; the words say where."""


def check_pattern(pattern: str) -> re.Pattern[str]:
    """Compile it, letters of either case alike. Raises PatternRefused."""
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise PatternRefused(f"the expression “{pattern}” is not valid: {error}.") from error
    unbounded, bounded = _repeats(pattern)
    if unbounded > 1 or bounded > 2:
        raise PatternRefused(
            f"the expression “{pattern}” has {unbounded} unbounded and {bounded} bounded repeats:"
            " one and two are the most. Use words with * instead."
        )
    return compiled


def _repeats(pattern: str) -> tuple[int, int]:
    """How many unbounded and how many bounded ones. Raises PatternRefused when one is nested."""
    unbounded = bounded = at = 0
    groups: list[int] = []  # of each open group: how many repeats there were when it began
    closed = -1  # the same of the group that has just been closed
    while at < len(pattern):
        sign = pattern[at]
        step = _step(pattern, at)
        if sign == "(":
            groups.append(unbounded + bounded)
        elif sign in "*+?{":
            endless, repeats = _repeat(pattern, at)
            if (endless or repeats) and 0 <= closed < unbounded + bounded:
                raise PatternRefused(f"the expression “{pattern}” repeats a group with a repeat.")
            unbounded, bounded = unbounded + endless, bounded + repeats
        closed = groups.pop() if sign == ")" and groups else -1
        if sign == "(" and pattern[at + 1 : at + 2] == "?":
            step = 2  # the ? of (?: is no repeat
        at += step
    return unbounded, bounded


def _step(pattern: str, at: int) -> int:
    """Characters that belong together: an escape, a class, a repeat."""
    if pattern[at] == "\\":
        return 2
    if pattern[at] == "[":
        # A "]" that comes first is one of the class.
        begin = at + 2 + (pattern[at + 1 : at + 2] == "^")
        return max(1, pattern.find("]", begin) + 1 - at)
    found = _BOUNDED.match(pattern, at)
    return len(found[0]) if found else 1


def _repeat(pattern: str, at: int) -> tuple[bool, bool]:
    """Whether the sign repeats without an end, or up to a number."""
    if pattern[at] in "*+":
        return True, False
    found = _BOUNDED.match(pattern, at)
    if found is None:
        return False, False
    if found[2] and not found[3]:
        return True, False
    most = int(found[3] or found[1] or 0)
    if most > LONGEST_REPEAT:
        raise PatternRefused(f"“{found[0]}” is more than {LONGEST_REPEAT} times.")
    return False, most > 3  # a few digits cost nothing
