"""The message that a report gives back, whole, as a header, or quoted below a line of dashes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wire.reports import addresses
from wire.reports import headers as fields
from wire.reports.headers import Headers
from wire.reports.letter import RETURNED, Part

# Fields of a returned header that name whom it was for, surest first.
_FOR: Final = (
    "x-failed-recipients", "x-envelope-to", "envelope-to", "x-original-to", "x-rcpt-to",
    "x-original-recipient", "to", "cc", "bcc", "apparently-to", "resent-to", "delivered-to",
    "x-actual-recipient", "x-xhnr-recipient", "x-hmxmroriginalrecipient", "x-receiver",
)  # fmt: skip
_RECEIVED_FOR: Final = re.compile(r"\bfor\s+<?([^\s<>;@]{1,64}@[^\s<>;]{1,255})>?\s*;")

# Lines after which the message itself follows, in the words of many systems.
_MARKER: Final = re.compile(
    r"^[\s>]{0,8}(?:[-=_*|+]{2,80}\s{0,4}[^-\n]{0,40}(?:"
    r"(?:original|returned|unsent|undelivered|rejected"
    r"|bounced) (?:message|mail)(?! (?:was )?(?:to|has|could"
    r"|details))|(?:this is )?a copy of (?:the|your) (?:message"
    r"|mail)|(?:the )?(?:header|body)s? (?:of|from) the "
    r"(?:original )?message|message (?:text|header|body)"
    r"|below this line|(?:nachricht|originalnachricht"
    r"|mensaje original|message d'origine|mensagem original)"
    r"|オリジナル|元の?メール|元の?メッセージ|原メール|原信|原邮件|原始邮件|исходн)|"
    r"(?:original message|message headers?) (?:follows?"
    r"|headers?)\b|below is a copy of the (?:original )?"
    r"(?:message|mail)|included (?:below )?is a copy of the "
    r"(?:message|mail)|(?:here|following|below) is "
    r"(?:a copy of )?(?:the|your) (?:first part of the )?"
    r"(?:original )?(?:message|mail)|the (?:text|header"
    r"|body)s? of (?:the|your) (?:original )?message (?:follows?"
    r"|is)|(?:your|the) (?:original|returned) (?:message|mail) "
    r"(?:follows|is (?:below|attached|included))"
    r"|original message as received|-{4,} ?original message)",
    re.IGNORECASE,
)
_HEADER_LINE: Final = re.compile(r">?\s{0,2}([A-Za-z][A-Za-z0-9-]{1,50}):(?!//)")
_TELLING: Final = frozenset({
    "received", "return-path", "message-id", "from", "to", "subject", "date", "mime-version",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Original:
    """What came back. `recipients` are in the order of how surely they are those of this copy."""

    headers: Headers
    recipients: tuple[str, ...] = ()

    @property
    def message_id(self) -> str:
        return self.headers.get("message-id").strip()[:998]

    @property
    def sender(self) -> str:
        return next(iter(addresses.found(self.headers.words("from"))), "")

    @property
    def subject(self) -> str:
        return self.headers.words("subject")[:998]


NOTHING: Final = Original(Headers({}))


def of(headers: Headers) -> Original:
    named = [value for name in _FOR for value in headers.all(name)[:20]]
    known = [address for value in named for address in addresses.found(fields.decoded(value))]
    hops = [found[1] for value in headers.all("received")[:50]
            for found in _RECEIVED_FOR.finditer(value)]  # fmt: skip
    return Original(headers, tuple(dict.fromkeys(known[:1000] + hops)))


def in_parts(letter: Part) -> tuple[Original, Part | None]:
    """The returned message that has a part of its own, and that part."""
    for part in letter.walk():
        if part is not letter and part.type in RETURNED:
            head, _ = fields.split(part.octets.lstrip(b"\n"))
            # Without an empty line between them, the part's own header goes on as the message's.
            head = head if "from" in head or "received" in head else part.headers
            if len(head) > 2:
                return of(head), part
    return NOTHING, None


def in_text(text: str) -> tuple[str, Original]:
    """A notice without the message that is quoted in it, and that message's header."""
    lines = text.split("\n")
    cut = _cut(lines)
    if cut is None:
        return text, NOTHING
    block = [line.removeprefix(">") for line in lines[cut : cut + 400]]
    while block and not _HEADER_LINE.match(block[0]):
        block.pop(0)
    head, _ = fields.split("\n".join(block).encode("utf-8", "replace"))
    return "\n".join(lines[:cut]), of(head)


def _cut(lines: list[str]) -> int | None:
    for number, line in enumerate(lines):
        if len(line) < 200 and _MARKER.match(line):
            return number
        if _begins_header(lines, number):
            return number
    return None


def _begins_header(lines: list[str], number: int) -> bool:
    """Whether a mail header begins here: at least four telling fields, one after the other."""
    found = _HEADER_LINE.match(lines[number])
    if found is None or lines[number][:1].isspace():
        return False
    if found[1].lower() not in {
        "received",
        "return-path",
        "message-id",
        "date",
        "from",
        "mime-version",
        "delivered-to",
        "x-original-to",
    }:
        return False
    seen = set()
    for line in lines[number : number + 60]:
        if not line.strip():
            break
        if field := _HEADER_LINE.match(line):
            seen.add(field[1].lower())
    return len(seen & _TELLING) >= 4
