"""Bounces and warnings of delay: from the machine-readable status, else from the words."""

from __future__ import annotations

from wire.reports import evidence, notice, status_reports, traits, word_reports, wording
from wire.reports.evidence import Evidence
from wire.reports.letter import Part
from wire.reports.report import Report
from wire.rulebook import Rulebook


def of(letter: Part, book: Rulebook) -> list[Report]:
    """One report for each recipient; none if the mail is no bounce and no warning."""
    found = evidence.of(letter)
    if found.status is not None and (reports := status_reports.of(found, found.status, book)):
        return reports
    return word_reports.of(found, book) if _may_be_bounce(found) else []


def _may_be_bounce(found: Evidence) -> bool:
    """Whether a mail without a machine-readable status is about a letter that failed."""
    letter = found.letter
    if "x-failed-recipients" in letter.headers or found.status is not None:
        return True
    daemon, failure = traits.is_daemon(letter), traits.speaks_of_failure(letter)
    if daemon and failure:
        return True
    if traits.is_automatic_answer(letter):
        return False
    words = wording.FAILED.search(found.words[:8000]) is not None
    gives_back = len(found.original.headers) > 0
    if daemon:
        return words or found.delayed or gives_back
    # People write of failures too; they do not write from nowhere, nor give our letter back.
    if traits.has_null_sender(letter):
        return words and (failure or gives_back or bool(notice.replies(found.words)))
    return failure and (gives_back or wording.OUR_LETTER.search(found.words[:2000]) is not None)
