"""Mail that is no report of delivery: opt-outs, automatic answers, receipts, and all the rest."""

from __future__ import annotations

from wire.reports import addresses, returned, traits, wording
from wire.reports.headers import Headers
from wire.reports.letter import Part
from wire.reports.report import Kind, Report


def receipt(letter: Part) -> list[Report]:
    """A disposition notification (RFC 8098): somebody has read or deleted it, so it arrived.

    Some stores refuse what they have accepted in this form (Dovecot's LDA): that is a bounce.
    """
    if traits.is_daemon(letter) and wording.REFUSED_LATE.search(_first_words(letter)):
        return []
    for part in letter.walk():
        if part.type == "message/disposition-notification":
            return [_report(letter, Kind.other, _named_in(part) or sender(letter))]
    return []


def of(letter: Part) -> list[Report]:
    if _asks_to_leave(letter):
        return [_report(letter, Kind.unsubscribe, sender(letter))]
    if traits.is_automatic_answer(letter) or traits.is_automatic(letter):
        return [_report(letter, Kind.auto_reply, sender(letter))]
    return [_report(letter, Kind.other, "")]


def _asks_to_leave(letter: Part) -> bool:
    """By the address it went to, the subject, or the body of RFC 8058 section 3.2."""
    head = letter.headers
    went_to = " ".join(head.get(name) for name in ("to", "delivered-to", "x-original-to"))
    if traits.leaving_address(letter) or any(
        "unsub" in addresses.local_part(found).lower() for found in addresses.found(went_to)
    ):
        return not traits.is_daemon(letter)
    if wording.UNSUBSCRIBE.search(traits.subject(letter)):
        return not traits.is_daemon(letter)
    return letter.body[:200].strip().lower() == b"list-unsubscribe=one-click"


def _named_in(part: Part) -> str:
    fields = Part(Headers({}), part.octets, "text/plain", {}).text
    for line in fields.split("\n")[:100]:
        if line.lower().startswith(("final-recipient", "original-recipient")):
            return next(addresses.found(line), "")
    return ""


def sender(letter: Part) -> str:
    """The address of who wrote it, as the header has it; "" without one."""
    for name in ("from", "reply-to", "sender", "return-path"):
        for found in addresses.found(letter.headers.words(name)):
            return found
    return ""


def _report(letter: Part, kind: Kind, recipient: str) -> Report:
    original, _ = returned.in_parts(letter)
    head = original.headers or letter.headers
    reference = letter.headers.get("in-reply-to") or letter.headers.get("references")
    return Report(
        kind=kind,
        recipient=recipient,
        diagnostic=traits.subject(letter),
        original_message_id=original.message_id or reference.split(" ")[0][:998],
        verp_token=traits.leaving_address(letter) or traits.token(letter, Part(head, b"", "", {})),
        original_from=original.sender,
        original_subject=original.subject,
        arrival_date=letter.headers.get("date")[:200],
    )


def _first_words(letter: Part) -> str:
    return next((part.text[:2000] for part in letter.walk() if part.type == "text/plain"), "")
