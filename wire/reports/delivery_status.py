"""The machine-readable half of a delivery status notification (RFC 3464), broken ones too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wire.reports import addresses
from wire.reports.headers import decoded
from wire.reports.letter import Part

MOST_RECIPIENTS: Final = 1000
_LONGEST: Final = 1024 * 1024  # octets of a status: 1,000 recipients with long diagnostics
_TYPES: Final = frozenset({
    "message/delivery-status", "message/global-delivery-status", "message/deliverystatus",
    "message/xdelivery-status", "message/x-delivery-status",
    "text/delivery-status", "application/delivery-status",
})  # fmt: skip
_FIELD: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:[ \t]*(.*)")
_MESSAGE_FIELDS: Final = frozenset({
    "reporting-mta", "arrival-date", "received-from-mta", "original-envelope-id", "dsn-gateway",
})  # fmt: skip
_RECIPIENT_FIELDS: Final = frozenset({
    "original-recipient", "final-recipient", "action", "status", "remote-mta", "diagnostic-code",
    "last-attempt-date", "final-log-id", "will-retry-until", "x-actual-recipient",
    "x-display-name", "x-supplementary-info", "x-original-status",
})  # fmt: skip
_NAMES_ONE: Final = ("final-recipient", "original-recipient", "x-actual-recipient")
_ADDRESS_TYPE: Final = re.compile(r"^\s*[A-Za-z][\w.-]{0,30}\s*;\s*")
_XTEXT: Final = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")  # RFC 6533 section 3
_INLINE: Final = re.compile(r"^Final-Recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_REPORTING: Final = re.compile(r"^(?:Reporting-MTA|Action)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_BESIDE: Final = re.compile(
    r"^(?:Action|Status|Reporting-MTA)[ \t]*:", re.IGNORECASE | re.MULTILINE
)

Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class Status:
    """The fields of the message and those of each recipient; names in lower case."""

    message: Fields
    recipients: list[Fields]
    cut: bool = False  # whether there were more than `MOST_RECIPIENTS`


def of(letter: Part) -> Status | None:
    """The status in the mail; None if it has none."""
    message: Fields = {}
    recipients: list[Fields] = []
    texts = list(_texts(letter))
    for text in texts:
        for group in _groups(text):
            _sort(group, message, recipients)
            if len(recipients) > MOST_RECIPIENTS:
                return Status(message, recipients[:MOST_RECIPIENTS], cut=True)
    return Status(message, recipients) if texts else None


def _texts(letter: Part) -> Iterator[str]:
    """By its type; else where the fields stand in a text, inline or with a wrong type."""
    parts = list(letter.walk())
    named = [part for part in parts if part.type in _TYPES]
    if named:
        yield from (part.read(_LONGEST) for part in named)
        return
    for part in parts:
        if part.parts or not part.type.startswith(("text/", "multipart/")):
            continue
        text = part.text
        found = _INLINE.search(text)
        if found and _BESIDE.search(text):
            yield text[max(text.rfind("\n\n", 0, found.start()), 0) :]


def before_fields(words: str) -> str:
    """The words for people, without the fields where these stand in the same text."""
    found = _INLINE.search(words)
    if found is None:
        return words
    begin = _REPORTING.search(words)
    return words[: begin.start() if begin and begin.start() < found.start() else found.start()]


def _groups(text: str) -> Iterator[Fields]:
    """Fields that stand together. A group also ends where a field comes a second time."""
    group: Fields = {}
    last = ""
    for line in text.split("\n"):
        found = _FIELD.match(line)
        name = found[1].lower() if found else ""
        if not line.strip() or (name in _RECIPIENT_FIELDS and name in group):
            yield group
            group, last = {}, ""
        if found:
            last = name
            group.setdefault(name, found[2].strip()[:4000])
        elif last and line.strip() and len(group[last]) < 4000:
            group[last] += " " + line.strip()[:1000]
    yield group


def _sort(group: Fields, message: Fields, recipients: list[Fields]) -> None:
    """A group is the message's or a recipient's; both at once where a mailer leaves no line."""
    for name in _MESSAGE_FIELDS & group.keys():
        message.setdefault(name, group[name])
    own = {name: value for name, value in group.items() if name not in _MESSAGE_FIELDS}
    if not _RECIPIENT_FIELDS & own.keys():
        return
    earlier = recipients[-1] if recipients else None
    if earlier is not None and _continues(earlier, own):
        earlier.update({name: value for name, value in own.items() if name not in earlier})
    else:
        recipients.append(own)


def _continues(earlier: Fields, group: Fields) -> bool:
    """Fields that an empty line cut off from those of the same recipient."""
    if any(name in earlier and earlier[name] != group[name] for name in group):
        return False
    named = [any(name in fields for name in _NAMES_ONE) for fields in (earlier, group)]
    return not all(named)


def address(value: str) -> str:
    """The address of a recipient field, "" if it names none: `rfc822; a@b`, X.400, bare words."""
    text = _XTEXT.sub(lambda found: _character(found[1]), decoded(value))
    for found in addresses.found(text):
        return found
    bare = _ADDRESS_TYPE.sub("", text).strip().strip("<>").strip()
    return bare[:320] if "@" in bare[1:] else ""


def _character(digits: str) -> str:
    number = int(digits, 16)
    return chr(number) if 31 < number < 0xD800 or 0xDFFF < number < 0x110000 else ""


def plain(value: str) -> str:
    """A value without its type: `smtp; 550 ...`, `dns; mx.example`."""
    return _ADDRESS_TYPE.sub("", decoded(value), count=1).strip()
