"""What a mailing must be before anything of it is queued: a draft, and the problems found in it."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any, Literal

from django.utils.translation import gettext_lazy as _

from wire import merge, mime
from wire.addresses import Address, InvalidAddress, parse

# Fields that every recipient has: the address itself and the link that ends it.
BUILT_IN_FIELDS = frozenset({"email", "unsubscribe_url"})

_WORDS = {
    "no-subject": _("The subject is empty. Write one."),
    "bad-from": _("The sender address cannot be used: %(detail)s"),
    "bad-reply-to": _("The reply-to address cannot be used: %(detail)s"),
    "bad-recipient": _("Recipient %(row)s (%(value)s) cannot be used: %(detail)s"),
    "bad-characters": _(
        "%(part)s holds a character that cannot be stored or sent (NUL or half of a pair). "
        "Remove it."
    ),
    "unknown-field": _(
        "%(part)s uses the merge field “%(field)s” (line %(line)s, column %(column)s), which the "
        "recipients do not have. Known fields: %(known)s."
    ),
    "bad-merge": _("%(part)s has a broken merge field: %(detail)s"),
    "bad-content": _("The message cannot be built: %(detail)s"),
    "attachments-too-large": _(
        "The attachments are %(size)s MB together; at most %(limit)s MB are allowed. Remove or "
        "shrink some."
    ),
    "no-recipients": _("Nobody would get it: choose a list or give recipients."),
    "empty-list": _("The list “%(list)s” is empty. Import contacts first or choose another."),
    "foreign-list": _("A chosen list does not belong to this customer."),
}
# An address with such a local part would need SMTPUTF8 of every receiver (RFC 6531).
_ASCII_ONLY = _("before the @ only ASCII characters can be used in a sender's address.")
_PARTS = {"subject": _("The subject"), "text": _("The text"), "html": _("The HTML"),
          "from_name": _("The sender name")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a draft cannot be queued. `field` is the form field it belongs to."""

    field: str
    code: str
    params: Mapping[str, Any] = attribute(default_factory=dict)

    def __str__(self) -> str:
        return str(_WORDS[self.code]) % self.params


class MailingRefused(ValueError):
    """A draft was not queued; `problems` says everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(str(problem) for problem in problems))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Given:
    """A recipient named with the mailing, in place of a list. Field names are kept in NFC."""

    address: str
    fields: Mapping[str, str] = attribute(default_factory=dict)

    def __post_init__(self) -> None:
        named = {unicodedata.normalize("NFC", name): text for name, text in self.fields.items()}
        object.__setattr__(self, "fields", named)


@dataclass(frozen=True, slots=True)
class Draft:
    """The content of a mailing as its author wrote it."""

    subject: str
    from_address: str
    text: str = ""
    html: str = ""
    from_name: str = ""
    reply_to: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    charset: Literal["auto", "utf-8", "iso-2022-jp"] = "utf-8"
    kind: Literal["bulk", "transactional"] = "bulk"
    needs_tls: bool = False
    attachments: tuple[mime.Attachment, ...] = ()

    def content(self) -> mime.Content:
        """For wire.mime. The addresses were checked by `problems_of`."""
        return mime.Content(
            subject=self.subject,
            from_name=self.from_name,
            from_address=parse(self.from_address),
            reply_to=parse(self.reply_to) if self.reply_to else None,
            text=self.text,
            html=self.html,
            attachments=self.attachments,
            headers=self.headers,
            charset=self.charset,
        )


def problems_of(draft: Draft, *, known: frozenset[str], attachment_limit: int) -> list[Problem]:
    """Everything wrong with the content. `known`: the merge fields all recipients have.

    `attachment_limit` in octets, for all attachments together.
    """
    found = [*_address_problems(draft), *_field_problems(draft, known | BUILT_IN_FIELDS)]
    if not draft.subject.strip():
        found.append(Problem("subject", "no-subject"))
    if (size := sum(len(attachment.data) for attachment in draft.attachments)) > attachment_limit:
        found.append(
            Problem("attachments", "attachments-too-large", _sizes(size, attachment_limit))
        )
    return found or _content_problems(draft)


def recipient_problems(given: Sequence[Given]) -> tuple[list[Address], list[Problem]]:
    """The parsed addresses, and a problem with row (from 1) for each that cannot be used."""
    addresses: list[Address] = []
    problems: list[Problem] = []
    for row, recipient in enumerate(given, start=1):
        bad = next((name for name, value in recipient.fields.items() if not is_text(value)), None)
        if bad is not None:
            where = {"part": f"{bad} ({row})"}
            problems.append(Problem("recipients", "bad-characters", where))
        try:
            addresses.append(parse(recipient.address))
        except InvalidAddress as error:
            params = {"row": row, "value": recipient.address[:80], "detail": str(error)}
            problems.append(Problem("recipients", "bad-recipient", params))
    return addresses, problems


def is_text(value: str) -> bool:
    """Whether PostgreSQL and UTF-8 can hold it."""
    return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _address_problems(draft: Draft) -> list[Problem]:
    found = []
    for name, value in (("from_address", draft.from_address), ("reply_to", draft.reply_to)):
        if not value and name == "reply_to":
            continue
        code = "bad-from" if name == "from_address" else "bad-reply-to"
        try:
            if parse(value).needs_smtputf8:
                found.append(Problem(name, code, {"detail": _ASCII_ONLY}))
        except InvalidAddress as error:
            found.append(Problem(name, code, {"detail": str(error)}))
    return found


def _field_problems(draft: Draft, known: frozenset[str]) -> list[Problem]:
    found = []
    for part, label in _PARTS.items():
        if not is_text(getattr(draft, part)):
            found.append(Problem(part, "bad-characters", {"part": label}))
            continue
        try:
            template = merge.compile(getattr(draft, part))
        except merge.MergeError as error:
            params = {"part": label, "detail": str(error)}
            found.append(Problem(part, "bad-merge", params))
            continue
        found += [
            Problem(part, "unknown-field", {"part": label, "field": error.field, "line": error.line,
                                            "column": error.column,
                                            "known": ", ".join(sorted(known))})
            for error in merge.unknown_fields(template, known)
        ]  # fmt: skip
    return found


def _content_problems(draft: Draft) -> list[Problem]:
    try:
        mime.compile(draft.content())
    except ValueError as error:
        return [Problem("text", "bad-content", {"detail": str(error)})]
    return []


def _sizes(size: int, limit: int) -> dict[str, str]:
    return {"size": f"{size / 1_000_000:.1f}", "limit": f"{limit / 1_000_000:.0f}"}
