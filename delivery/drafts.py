"""What a mailing must be before anything of it is queued: a draft, and the problems found in it."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from datetime import datetime, timedelta
from typing import Any, Literal

from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import pgettext

from customers.import_rejections import ADDRESS_FAULTS
from delivery.problem_words import ASCII_ONLY, HEADER, PARTS, PROBLEMS
from wire import html_text, merge, mime
from wire.addresses import Address, InvalidAddress, parse

# Fields that every recipient has: the address itself and the link that ends it.
BUILT_IN_FIELDS = frozenset({"email", "unsubscribe_url"})
UNSUBSCRIBE_FIELD = "unsubscribe_url"
# A time that passed while somebody was still writing means "at once".
TARDINESS = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a draft cannot be queued. `field` is the form field it belongs to."""

    field: str
    code: str
    params: Mapping[str, Any] = attribute(default_factory=dict)

    def __str__(self) -> str:
        return str(PROBLEMS[self.code]) % {
            name: _moment(value) if isinstance(value, datetime) else value
            for name, value in self.params.items()
        }


class MailingRefused(ValueError):
    """A draft was not queued; `problems` says everything that is wrong with it.

    `str()` is English, for logs; each problem is said in the reader's language.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        with translation.override("en"):
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
            text=self.plain_text,
            html=self.html,
            attachments=self.attachments,
            headers=self.headers,
            charset=self.charset,
        )

    @property
    def plain_text(self) -> str:
        """The text as sent: that of the HTML where none was written.

        Of HTML without a word (a single picture) it is the subject.
        """
        if self.text.strip() or not self.html.strip():
            return self.text
        return html_text.text_of(self.html) or self.subject

    @property
    def bodies_without_link(self) -> tuple[str, ...]:
        """The parts of bulk mail, "text" and "html", in which only a header offers the way out.

        A text that was made from the HTML says what that does, so it is not named.
        """
        if self.kind != "bulk":
            return ()
        return tuple(
            part
            for part, body in (("text", self.text), ("html", self.html))
            if body.strip() and UNSUBSCRIBE_FIELD not in merge.compile(body).fields
        )


def problems_of(
    draft: Draft, *, known: frozenset[str] | None, attachment_limit: int
) -> list[Problem]:
    """Everything wrong with the content.

    `known`: the merge fields all recipients have; None when nobody knows, since there are none.
    `attachment_limit` in octets, for all attachments together.
    """
    found = [*_address_problems(draft), *_field_problems(draft, known)]
    if not draft.subject.strip():
        found.append(Problem("subject", "no-subject"))
    if not draft.text.strip() and not draft.html.strip():
        found.append(Problem("text", "no-body"))
    found += header_problems(draft.headers)
    if (size := sum(len(attachment.data) for attachment in draft.attachments)) > attachment_limit:
        found.append(
            Problem("attachments", "attachments-too-large", _sizes(size, attachment_limit))
        )
    for attachment in draft.attachments:
        found += _mime_problems("attachments", mime.check_attachment, attachment)
    return found


def header_problems(headers: Sequence[tuple[str, str]]) -> list[Problem]:
    """One for each header that a sender may not add."""
    return [
        problem
        for name, value in headers
        for problem in _mime_problems("headers", mime.check_header, name, value)
    ]


def time_problems(scheduled_at: datetime | None, *, now: datetime) -> list[Problem]:
    """A time that has passed is a slip of the pen, and sending at once cannot be undone."""
    if scheduled_at is None or scheduled_at >= now - TARDINESS:
        return []
    return [Problem("scheduled_at", "past", {"time": scheduled_at})]


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
            detail = ADDRESS_FAULTS[error.code]
            params = {"row": row, "value": recipient.address[:80], "detail": detail}
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
                found.append(Problem(name, code, {"detail": ASCII_ONLY}))
        except InvalidAddress as error:
            found.append(Problem(name, code, {"detail": ADDRESS_FAULTS[error.code]}))
    return found


def _parts(draft: Draft) -> Iterator[tuple[str, object, str]]:
    """(form field, its name in sentences, text) of everything that may hold merge fields."""
    for part, label in PARTS.items():
        yield part, label, getattr(draft, part)
    for name, value in draft.headers:
        yield "headers", format_lazy(HEADER, name=name), value


def _field_problems(draft: Draft, known: frozenset[str] | None) -> list[Problem]:
    found = []
    for field, label, text in _parts(draft):
        if not is_text(text):
            found.append(Problem(field, "bad-characters", {"part": label}))
            continue
        try:
            template = merge.compile(text)
        except merge.MergeError as error:
            found.append(_merge_problem(field, label, error))
            continue
        if known is not None:
            names = known | BUILT_IN_FIELDS
            unknown = merge.unknown_fields(template, names)
            found += [_merge_problem(field, label, error, names) for error in unknown]
    return found


def _merge_problem(
    field: str, label: object, error: merge.MergeError, known: frozenset[str] = frozenset()
) -> Problem:
    params = {
        "part": label,
        "field": error.field,
        "line": error.line,
        "column": error.column,
        "character": error.character,
        "known": ", ".join(sorted(known)),
    }
    return Problem(field, error.code, params)


def _mime_problems(field: str, check: Callable[..., None], *values: object) -> list[Problem]:
    try:
        check(*values)
    except mime.MimeError as error:
        return [Problem(field, error.code, error.params)]
    return []


def _moment(value: datetime) -> str:
    return date_format(timezone.localtime(value), pgettext("date and time", "j M Y, H:i"))


def _sizes(size: int, limit: int) -> dict[str, str]:
    return {"size": f"{size / 1_000_000:.1f}", "limit": f"{limit / 1_000_000:.0f}"}
