"""Amazon SES events that its notification service mails as JSON: bounce, complaint, delay.

Source: Amazon SES developer guide, "Amazon SNS notification contents".
"""

from __future__ import annotations

import json
from typing import Any, Final

from wire.reports import diagnosis, traits
from wire.reports.letter import Part
from wire.reports.report import Kind, Report
from wire.rulebook import Rulebook

MOST_RECIPIENTS: Final = 1000
# Event: its own object, the list in it, the kind it is here.
_EVENTS: Final = {
    "bounce": ("bounce", "bouncedRecipients", Kind.bounce),
    "complaint": ("complaint", "complainedRecipients", Kind.complaint),
    "deliverydelay": ("deliveryDelay", "delayedRecipients", Kind.delayed),
}

Object = dict[str, Any]


def of(letter: Part, book: Rulebook) -> list[Report]:
    """The recipients of the event; none if the mail holds no event that is known."""
    if "x-amz-sns-message-id" not in letter.headers:
        return []
    event = _event(letter.text)
    name = _text(event, "notificationType") or _text(event, "eventType")
    if name.lower() not in _EVENTS:
        return []
    key, list_key, kind = _EVENTS[name.lower()]
    about, mail = _object(event, key), _object(event, "mail")
    return [
        _report(kind, recipient, about, mail, book)
        for recipient in _objects(about, list_key)[:MOST_RECIPIENTS]
    ]


def _report(kind: Kind, recipient: Object, about: Object, mail: Object, book: Rulebook) -> Report:
    quoted = _text(recipient, "diagnosticCode").partition("; ")[2] or _text(
        recipient, "diagnosticCode"
    )
    words = f"{_text(about, 'bounceType')} {_text(about, 'bounceSubType')}".strip()
    judged = diagnosis.of(quoted or words, book=book, status=_text(recipient, "status"))
    failed = kind is not Kind.complaint
    source = _text(mail, "source")
    return Report(
        kind=kind,
        recipient=_text(recipient, "emailAddress"),
        action=("delayed" if kind is Kind.delayed else "failed") if failed else "",
        status=judged.status if failed else "",
        diagnostic=judged.text if failed else _text(about, "userAgent"),
        verdict=judged.verdict if failed else None,
        reporting_mta=_text(about, "reportingMTA").rpartition(";")[2].strip(),
        original_message_id=_text(mail, "messageId"),
        verp_token=traits.token_in(source),
        feedback_type="" if failed else _text(about, "complaintFeedbackType") or "abuse",
        source_ip=_text(mail, "sourceIp"),
        arrival_date=_text(mail, "timestamp"),
        original_from=source,
        original_subject=_text(_object(mail, "commonHeaders"), "subject"),
    )


def _event(text: str) -> Object:
    # Relays that may not pass long lines break them by "!", a new line and a space.
    text = text.replace("!\n ", "")
    try:
        value, _ = json.JSONDecoder().raw_decode(text, max(text.find("{"), 0))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _object(value: Object, key: str) -> Object:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _objects(value: Object, key: str) -> list[Object]:
    found = value.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _text(value: Object, key: str) -> str:
    found = value.get(key)
    return found[:2000] if isinstance(found, str) else ""
