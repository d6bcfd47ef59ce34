"""What one mail reports about one recipient."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wire.replies import Verdict

MOST_REPORTS: Final = 1000  # of one mail
FEW: Final = 20  # recipients for whom the words around are judged too, where theirs say nothing
MANY: Final = "Only the first recipients were read: the report names too many."


class Kind(StrEnum):
    bounce = "bounce"  # given up: the letter did not arrive
    delayed = "delayed"  # still tried
    complaint = "complaint"  # a feedback loop says that somebody called it spam
    unsubscribe = "unsubscribe"
    auto_reply = "auto-reply"  # out of office, vacation, "we have your ticket"
    other = "other"  # receipts, successes, ordinary mail, what cannot be read


class Form(StrEnum):
    """How the mail is built: whether a program that reports for a living has written it."""

    status = "status"  # multipart/report with a status of delivery (RFC 3464, RFC 6533)
    feedback = "feedback"  # multipart/report with a feedback report (RFC 5965)
    words = "words"  # anything else: what it reports was read from its words


@dataclass(frozen=True, slots=True)
class Report:
    """One recipient of one report; a text is "" where the report does not say.

    `recipient` is whom it is about, as written there. `action` is RFC 3464's (failed, delayed,
    delivered, relayed, expanded). `status` is an enhanced code (RFC 3463). `verdict` is the
    classifier's, None for what is no refusal. `verp_token` is the whole address to which our
    envelope sender asks bounces to be sent, found in the mail or in what it returns; of an opt-out
    it may be our unsubscribe address instead. Whether it is ours and genuine, its key says.
    `feedback_type` is RFC 5965's, or "opt-out". `note` says what was left out. `form` is that of
    the mail.
    """

    kind: Kind
    recipient: str = ""
    action: str = ""
    status: str = ""
    diagnostic: str = ""
    verdict: Verdict | None = None
    reporting_mta: str = ""
    remote_mta: str = ""
    original_message_id: str = ""
    verp_token: str = ""
    feedback_type: str = ""
    source_ip: str = ""
    arrival_date: str = ""
    original_recipient: str = ""
    original_from: str = ""
    original_subject: str = ""
    note: str = ""
    form: Form = Form.words
