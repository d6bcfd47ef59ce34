"""Complaints of feedback loops: ARF (RFC 5965) and the forms of those that do not write it."""

from __future__ import annotations

import re
from typing import Final

from wire.reports import addresses, returned, traits
from wire.reports.headers import Headers, read
from wire.reports.letter import Part
from wire.reports.report import Kind, Report
from wire.reports.returned import Original

_LEAVING: Final = frozenset({"opt-out", "opt-out-list"})
# Types that report how mail fared, not that a person complained (RFC 6591, RFC 6430, RFC 6692).
_NO_COMPLAINT: Final = frozenset({"not-spam", "auth-failure", "dmarc", "dkim", "spf"})
_SUBJECT: Final = re.compile(
    r"complaint about message from|abuse report|feedback report|email feedback"
    r"|spam (?:report|complaint)"
    r"|client tos notification|junk (?:mail )?report|fbl report",
    re.IGNORECASE,
)
_LOOPS: Final = re.compile(
    r"staff@hotmail\.com|scomp@aol\.net|feedbackloop|\bfbl@|arf@|feedback@arf|abuse-report|fbl-no-reply|feedback-loop",
    re.IGNORECASE,
)
# Header fields in which loops hide the recipient that they redact.
_HINTS: Final = (
    "x-hmxmroriginalrecipient", "x-xhnr-recipient", "x-rcpt-to", "x-original-recipient",
    "x-abuse-recipient", "x-recipient", "x-complaint-recipient",
)  # fmt: skip
_REDACTED: Final = re.compile(
    r"redact|undisclosed|xxxx|\*\*\*|unknown@|null@|(?:^|<)x+@", re.IGNORECASE
)


def of(letter: Part) -> list[Report]:
    """The complaints in the mail; none if it is no feedback report."""
    original, _ = returned.in_parts(letter)
    reports = [part for part in letter.walk() if part.type == "message/feedback-report"]
    if reports:
        return [found for part in reports for found in _of_arf(letter, part, original)]
    if original.headers and _is_plain_loop(letter):
        return [
            _complaint(
                letter, Headers({}), original, "abuse", _recipients(Headers({}), original, letter)
            )
        ]
    return []


def _of_arf(letter: Part, part: Part, original: Original) -> list[Report]:
    fields = read(re.sub(rb"\n\s*\n", b"\n", part.octets.strip(b"\n")))
    kind = fields.get("feedback-type").strip().lower() or "abuse"
    everyone = _recipients(fields, original, letter)
    return [
        _complaint(letter, fields, original, kind, [recipient])
        for recipient in everyone[:1000] or [""]
    ]


def _complaint(
    letter: Part, fields: Headers, original: Original, kind: str, everyone: list[str]
) -> Report:
    outcome = Kind.complaint
    if kind in _LEAVING:
        outcome = Kind.unsubscribe
    elif kind in _NO_COMPLAINT:
        outcome = Kind.other
    return Report(
        kind=outcome,
        recipient=next(iter(everyone), ""),
        feedback_type=kind,
        source_ip=_source_ip(fields, original, letter),
        arrival_date=(fields.get("arrival-date") or fields.get("received-date"))[:200],
        reporting_mta=fields.get("reporting-mta").partition(";")[2].strip()
        or fields.get("reporting-mta"),
        original_message_id=original.message_id,
        verp_token=traits.token_in(fields.get("original-mail-from"))
        or _token(original)
        or traits.token(letter),
        original_recipient=next(iter(addresses.found(fields.get("original-rcpt-to"))), ""),
        original_from=original.sender
        or next(iter(addresses.found(fields.get("original-mail-from"))), ""),
        original_subject=original.subject,
        diagnostic=traits.subject(letter),
    )


def _token(original: Original) -> str:
    return traits.token(Part(original.headers, b"", "", {}))


def _recipients(fields: Headers, original: Original, letter: Part) -> list[str]:
    """Original-Rcpt-To (each), else Removal-Recipient, else whom the returned message was for."""
    for name in ("original-rcpt-to", "removal-recipient", "original-recipient"):
        named = [found for value in fields.all(name)[:1000] for found in addresses.found(value)]
        named = [found for found in named if not _REDACTED.search(found)]
        if named:
            return list(dict.fromkeys(named))
    hidden = [found for head in (letter.headers, original.headers) for name in _HINTS
              for found in addresses.found(head.get(name))]  # fmt: skip
    known = [found for found in (*hidden, *original.recipients) if not _REDACTED.search(found)]
    return known[:1]


def _is_plain_loop(letter: Part) -> bool:
    """JMRP and its kin: the returned message, under a subject or from a sender known for it."""
    head = letter.headers
    if _SUBJECT.search(traits.subject(letter)) and not traits.speaks_of_failure(letter):
        return True
    return _LOOPS.search(head.get("from")) is not None or (
        "x-loop" in head and "scomp" in head.get("x-loop")
    )


def _source_ip(fields: Headers, original: Original, letter: Part) -> str:
    named = fields.get("source-ip").split(" ")[0].strip("[]")
    if named:
        return named[:45]
    hop = re.search(
        r"complaint about message from \[?([0-9A-Fa-f.:]{7,45})", traits.subject(letter)
    )
    if hop:
        return hop[1]
    return original.headers.get("x-originating-ip").strip("[] ")[:45]
