"""The words for people in a bounce: who could not be reached, and what was said about it.

Nobody prescribes them, and hundreds of mailers each write them in their own way. Their layouts
are few, though (wire.reports.layouts); the surest kind that occurs in a notice wins.
"""

from __future__ import annotations

import re
from typing import Final

from wire.reports import addresses, diagnosis, layouts, wording
from wire.reports.addresses import ADDRESS
from wire.reports.layouts import REPLY_LINE, Finding, Sureness

MOST_LINES: Final = 3000
LONGEST_LINE: Final = 1000
MOST_FINDINGS: Final = 1000
_MOST_EXAMINED: Final = 80_000  # characters of lines with addresses: a thousand such lines
_WINDOW: Final = 400
_REASON_LINES: Final = 14

_EXPANDED: Final = re.compile(
    rf"\((?:ultimately )?(?:expanded|generated) from:? {{0,3}}<?(?P<address>{ADDRESS})",
    re.IGNORECASE,
)
_ANNOUNCED: Final = re.compile(
    r"(?:recipients?|address(?:es)?)\b.*:\s{0,8}$|because .{0,80}$", re.IGNORECASE
)
# au (KDDI) says what is wrong above the list of recipients, and "user unknown" of each of them.
_STATED: Final = re.compile(r"^The user\(s\) account is [a-z ]{3,40}", re.MULTILINE)
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.+-]{1,63}\Z", re.ASCII)
_STOP: Final = re.compile(
    r"^\s{0,8}(?:[-=_*]{8,}\s*$|if your message was also|please (?:do not|reply)"
    r"|your original message|for (?:further|more) )",
    re.IGNORECASE,
)


def findings(text: str, *, strangers: frozenset[str] = frozenset()) -> list[Finding]:
    """The addresses of the surest kind, each once, with what is said of it.

    `strangers` are addresses (lower case) that only count when they are said outright: the
    sender's own, the mailer's.
    """
    lines = [line[:LONGEST_LINE] for line in text.split("\n")[:MOST_LINES]]
    every = _without(_every_finding(lines), strangers)
    best = max((found.sureness for found in every), default=Sureness.mentioned)
    surest = [found for found in every if found.sureness == best and found.address]
    starts = {found.line: found.address for found in every if found.sureness == Sureness.said}
    stated = _STATED.search(text)
    for found in surest:
        reason = _reason(lines, found, starts)
        found.reason = f"{stated[0]}\n{reason}".strip() if stated else reason
    chosen = _once(surest)
    for found in chosen:
        if origin := _EXPANDED.search(found.reason):
            found.origin = addresses.clean(origin["address"])
    return chosen


def _every_finding(lines: list[str]) -> list[Finding]:
    every: list[Finding] = []
    room = _MOST_EXAMINED
    for number, line in enumerate(lines):
        if "@" in line and len(every) < MOST_FINDINGS and room > 0:
            near = _near_address(line)
            room -= len(near)
            every += layouts.of(near, number)
    return every


def names_only(text: str, domain: str) -> list[Finding]:
    """Mailboxes without a domain below a line that announces recipients: AOL, old gateways."""
    lines = text.split("\n")[:MOST_LINES]
    for number, line in enumerate(lines):
        if _ANNOUNCED.search(line[-LONGEST_LINE:]):
            below = [lines[at].strip() for at in range(number + 1, min(number + 8, len(lines)))]
            names = [name for name in below if _NAME.match(name)]
            return [Finding(f"{name}@{domain}", Sureness.told, number, "", line.strip())
                    for name in names]  # fmt: skip
    return []


def _near_address(line: str) -> str:
    """The line; of a very long one, what is around its first address."""
    at = line.find("@")
    return line if len(line) <= _WINDOW else line[max(0, at - 120) : at + _WINDOW - 120]


def _without(every: list[Finding], strangers: frozenset[str]) -> list[Finding]:
    """Strangers count when they are said outright and nobody else is."""
    others = [found for found in every if found.address.lower() not in strangers]
    if any(found.sureness >= Sureness.told for found in others):
        return others
    return others + [
        found
        for found in every
        if found.sureness >= Sureness.said and found.address.lower() in strangers
    ]


def _once(every: list[Finding]) -> list[Finding]:
    """Each address once, with what is quoted of a server rather than with other words."""
    kept: dict[str, Finding] = {}
    for found in every:
        earlier = kept.setdefault(found.address.lower(), found)
        better = diagnosis.has_reply(found.reason) and not diagnosis.has_reply(earlier.reason)
        if better or not earlier.reason:
            kept[found.address.lower()] = found
    return list(kept.values())


def _reason(lines: list[str], found: Finding, starts: dict[int, str]) -> str:
    """The rest of the line, and the lines below until those of another address."""
    if layouts.is_own_line(found.rest):
        return _with_answer(lines, found)
    told = [found.rest] if found.rest else []
    empty = 0
    for number in range(found.line + 1, min(found.line + _REASON_LINES, len(lines))):
        line = lines[number].strip()
        if starts.get(number, found.address) != found.address or (told and _STOP.match(line)):
            break
        empty = 0 if line else empty + 1
        if empty and told and (diagnosis.has_reply(" ".join(told)) or empty > 1):
            break
        if line:
            told.append(line)
    return "\n".join(told) or _above(lines, found.line)


def _with_answer(lines: list[str], found: Finding) -> str:
    """What Sendmail says, behind the server's answer right above it: the reason is in that."""
    above = lines[found.line - 1].strip() if found.line else ""
    return f"{above}\n{found.rest}" if above.startswith("<<<") else found.rest


def _above(lines: list[str], number: int) -> str:
    """The lines right above an address under which nothing is said."""
    told: list[str] = []
    for line in reversed(lines[max(0, number - 3) : number]):
        if not line.strip() or not any(map(str.isalnum, line)):
            break
        told.insert(0, line.strip())
    words = "\n".join(told)
    return words if wording.FAILED.search(words) else ""


def replies(text: str) -> list[str]:
    """Lines of a transcript in which a server refuses, continuation lines joined."""
    joined: list[str] = []
    last = ""
    for line in text.split("\n")[:MOST_LINES]:
        found = re.search(r"(?:^|[\s>:])([45]\d\d)[ -]", line[:LONGEST_LINE])
        if found and REPLY_LINE.search(line):
            words = line[found.start(1) :].strip()
            if joined and last == found[1] and joined[-1][3:4] == "-":
                joined[-1] += " " + words
            else:
                joined.append(words)
            last = found[1]
    return joined[:200]
