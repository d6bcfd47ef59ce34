"""Mail that comes back: bounces, delays, complaints, opt-outs, automatic answers.

`parse` takes any octets, never raises, and its time and memory are bounded; see docs/reports.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wire import rulebook
from wire.reports import answers, bounces, feedback, letter, notifications, traits
from wire.reports.letter import Part
from wire.reports.report import Form, Kind, Report
from wire.reports.returned import in_parts
from wire.rulebook import Rulebook

__all__ = ["Form", "Kind", "Report", "parse", "subject_of", "writer_of"]

_DEEPEST: Final = 3  # reports that are themselves returned in reports
_FORMS: Final = {
    "message/delivery-status": Form.status,
    "message/global-delivery-status": Form.status,
    "message/feedback-report": Form.feedback,
}


def parse(raw: bytes, *, book: Rulebook | None = None) -> list[Report]:
    """The reports of one mail, one for each recipient; at least one, at most 1,000.

    Verdicts are by the rules of `book`, by the shipped ones alone without it.
    """
    return _of(letter.read(raw), 0, book or rulebook.shipped())


def subject_of(raw: bytes) -> str:
    """The subject of a mail, decoded, at most 500 characters; "" without one."""
    return traits.subject(letter.read(raw))


def writer_of(raw: bytes) -> str:
    """The address of who wrote a mail, as its header has it; "" without one."""
    return answers.sender(letter.read(raw))


def _of(mail: Part, depth: int, book: Rulebook) -> list[Report]:
    sure = feedback.of(mail) or notifications.of(mail, book) or answers.receipt(mail)
    if not sure and (inside := _inside(mail, depth, book)):
        return inside
    form = _form(mail)
    found = sure or bounces.of(mail, book) or answers.of(mail)
    return [replace(report, form=form) for report in found]


def _form(mail: Part) -> Form:
    """By the mail's structure alone, whatever else was found in it."""
    if mail.type != "multipart/report":
        return Form.words
    return next((_FORMS[part.type] for part in mail.walk() if part.type in _FORMS), Form.words)


def _inside(mail: Part, depth: int, book: Rulebook) -> list[Report]:
    """The reports in a report that a gateway passes on with words of its own around it."""
    if depth >= _DEEPEST or mail.type == "multipart/report":
        return []
    _, part = in_parts(mail)
    if part is None or part.type != "message/rfc822":
        return []
    inner = letter.read(part.octets)
    if inner.type != "multipart/report":
        return []
    return [report for report in _of(inner, depth + 1, book) if report.recipient]
