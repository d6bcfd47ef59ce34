"""Mail that comes back: bounces, delays, complaints, opt-outs, automatic answers.

`parse` takes any octets, never raises, and its time and memory are bounded; see docs/reports.md.
"""

from __future__ import annotations

from typing import Final

from wire.reports import answers, bounces, feedback, letter, notifications
from wire.reports.letter import Part
from wire.reports.report import Kind, Report
from wire.reports.returned import in_parts

__all__ = ["Kind", "Report", "parse"]

_DEEPEST: Final = 3  # reports that are themselves returned in reports


def parse(raw: bytes) -> list[Report]:
    """The reports of one mail, one for each recipient; at least one, at most 1,000."""
    return _of(letter.read(raw), 0)


def _of(mail: Part, depth: int) -> list[Report]:
    return (
        feedback.of(mail)
        or notifications.of(mail)
        or answers.receipt(mail)
        or _inside(mail, depth)
        or bounces.of(mail)
        or answers.of(mail)
    )


def _inside(mail: Part, depth: int) -> list[Report]:
    """The reports in a report that a gateway passes on with words of its own around it."""
    if depth >= _DEEPEST or mail.type == "multipart/report":
        return []
    _, part = in_parts(mail)
    if part is None or part.type != "message/rfc822":
        return []
    inner = letter.read(part.octets)
    if inner.type != "multipart/report":
        return []
    return [report for report in _of(inner, depth + 1) if report.recipient]
