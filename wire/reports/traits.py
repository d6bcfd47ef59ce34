"""What a mail gives away about itself in its header: a daemon's, a machine's, a person's."""

from __future__ import annotations

import re
from typing import Final

from wire.reports import addresses, wording
from wire.reports.letter import Part

_DAEMON: Final = re.compile(
    r"mailer[-_.]?daemon|mail(?:er)?[-_ ]?daemon|post[-_.]?master|mdaemon|double-bounce"
    r"|maildelivery|mail deliver(?:y|) (?:sub)?system|mail deliver system|mail delivery"
    r"|delivery (?:subsystem|status)|system administrator|mail administrator|mail system"
    r"|microsoft (?:outlook|exchange)|bounce|internet mail (?:delivery|service)"
    r"|content[- ]filter|interscan|majordomo|symantec|sophos|antispam|noreply-?gateway"
    r"|mail router|daemon\b|mailgate|administrator@|nobody@|メールシステム|メール配信"
    r"|配信システム|почтов",
    re.IGNORECASE,
)
# The envelope sender that asks for bounces to come back: our own shape of token (wire.tokens),
# found also where a forwarder has wrapped it (SRS, PRVS, BATV).
_TOKEN: Final = re.compile(r"(?<![a-z2-7])b-[a-z2-7]{29}@[a-z0-9.-]{1,253}[a-z0-9]", re.IGNORECASE)
# The address in our List-Unsubscribe; a mail program may write a name beside it.
_LEAVING: Final = re.compile(
    r"(?<![a-z2-7])u-[a-z2-7]{29}@[a-z0-9.-]{1,253}[a-z0-9]", re.IGNORECASE
)
_LEAVING_FIELDS: Final = ("to", "delivered-to", "x-original-to", "envelope-to", "x-rcpt-to")
_TOKEN_FIELDS: Final = (
    "return-path", "to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to",
    "x-rcpt-to", "apparently-to", "original-recipient", "x-failed-recipients", "errors-to",
    "x-envelope-from", "x-env-sender", "sender", "x-sender", "cc", "x-original-return-path",
    "received-spf", "received", "resent-from",
)  # fmt: skip


def is_daemon(letter: Part) -> bool:
    """Whether a mail system wrote it, by its From, Sender or Return-Path."""
    head = letter.headers
    if "x-mlserver" in head:  # fml, a manager of mailing lists
        return True
    return any(_DAEMON.search(head.words(name)[:500]) for name in ("from", "sender", "return-path"))


def has_null_sender(letter: Part) -> bool:
    path = letter.headers.get("return-path").strip()
    return path in {"<>", "<MAILER-DAEMON>"} or "x-failed-recipients" in letter.headers


def subject(letter: Part) -> str:
    return letter.headers.words("subject")[:500]


def filter_mark(letter: Part) -> str:
    """What a filter says in the header alone: au's (KDDI) X-SPASIGN, whose notice has no reason."""
    mark = letter.headers.get("x-spasign")[:20]
    return f"X-SPASIGN: {mark}" if mark else ""


def speaks_of_failure(letter: Part) -> bool:
    return wording.FAILED_SUBJECT.search(subject(letter)) is not None


def is_automatic_answer(letter: Part) -> bool:
    """RFC 3834 and the fields that came before it, or the subject of one."""
    head = letter.headers
    submitted = head.get("auto-submitted").lower().strip()
    if submitted.startswith("auto-replied") or any(
        name in head
        for name in ("x-autoreply", "x-autorespond", "x-autoresponder", "x-autoreply-from")
    ):
        return True
    if head.get("precedence").lower().strip() in {"auto_reply", "auto-reply"}:
        return True
    if "vacation" in head.get("x-mailer").lower() or head.get("x-vacation"):
        return True
    return wording.AWAY.search(subject(letter)) is not None


def is_automatic(letter: Part) -> bool:
    """Whether a program says that it wrote it, whatever it is (RFC 3834 section 5)."""
    submitted = letter.headers.get("auto-submitted").lower().strip()
    return submitted.startswith("auto-") and not is_daemon(letter)


def own_addresses(letter: Part) -> frozenset[str]:
    """To whom and from whom the report itself goes: seldom those that failed."""
    names = ("to", "from", "delivered-to", "x-original-to", "return-path", "reply-to", "sender")
    return frozenset(
        address.lower()
        for name in names
        for value in letter.headers.all(name)[:5]
        for address in addresses.found(value)
    )


def token(*parts: Part | None) -> str:
    """The address with our token, from the first of the headers that has one; else ""."""
    for part in parts:
        if part is None:
            continue
        for name in _TOKEN_FIELDS:
            for value in part.headers.all(name)[:50]:
                if found := _TOKEN.search(value):
                    return found[0]
    return ""


def leaving_address(letter: Part) -> str:
    """The unsubscribe address of ours (wire.tokens) that it was sent to; else ""."""
    for name in _LEAVING_FIELDS:
        for value in letter.headers.all(name)[:50]:
            if found := _LEAVING.search(value):
                return found[0]
    return ""


def token_in(text: str) -> str:
    found = _TOKEN.search(text)
    return found[0] if found else ""
