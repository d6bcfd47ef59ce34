"""Messages: a mailing is compiled once and rendered for each recipient, ready to sign and send."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import Final, Literal, TypeAlias

from wire import merge, mime_bodies, mime_headers
from wire.addresses import Address
from wire.mime_bodies import Attachment, check_attachment
from wire.mime_headers import Charset, MimeError

__all__ = [
    "Attachment",
    "Charset",
    "Compiled",
    "Content",
    "MimeError",
    "Rendered",
    "check_attachment",
    "check_header",
    "compile",
]

_MESSAGE_ID: Final = re.compile(r"[!#-;=?A-Z^-~]{1,250}@[!#-;=?A-Z\[\]^-~]{1,250}")
_ALTERNATIVE: Final = b".a"
_MIXED: Final = b".m"
_Encode: TypeAlias = Callable[[str, Charset], bytes]


@dataclass(frozen=True, slots=True)
class Content:
    """What a sender wrote. Merge fields may be in subject, from_name, text, html and headers.

    "auto" and "iso-2022-jp" send ISO-2022-JP to each recipient whose rendered subject, text and
    HTML survive it, and UTF-8 to the others.
    """

    subject: str
    from_name: str
    from_address: Address
    reply_to: Address | None
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    charset: Literal["auto", "utf-8", "iso-2022-jp"] = "utf-8"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message with CRLF line ends, no line over 998 octets, and the charset it was put in."""

    data: bytes
    charset: Charset


@dataclass(frozen=True, slots=True)
class Piece:
    """A header or body. One without merge fields is encoded once: `fixed`, by charset."""

    label: str
    template: merge.Template
    encode: _Encode
    escape: Callable[[str], str] | None
    fixed: Mapping[Charset, bytes]

    def made(self, values: Mapping[str, str], charset: Charset) -> bytes:
        """The octets for one recipient; `UnicodeEncodeError` if `charset` cannot hold them."""
        if ready := self.fixed.get(charset):
            return ready
        return self.encode(self.template.render(values, escape=self.escape), charset)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A mailing ready to render; made by `compile`."""

    fields: frozenset[str]
    prefers_iso_2022_jp: bool
    heads: tuple[Piece, ...] = field(repr=False)
    bodies: tuple[Piece, ...] = field(repr=False)
    fixed_head: bytes = field(repr=False)  # Reply-To, MIME-Version
    attached: bytes = field(repr=False)  # with delimiters, up to the last one
    boundary: bytes

    @property
    def templates(self) -> tuple[tuple[str, merge.Template], ...]:
        """Each part with its name, for `merge.unknown_fields`: errors then say where they are."""
        return tuple((piece.label, piece.template) for piece in (*self.heads, *self.bodies))

    def render(
        self,
        *,
        to: Address,
        to_name: str = "",
        values: Mapping[str, str],
        message_id: str,
        date: datetime,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Rendered:
        """The message for one recipient. Values in HTML are escaped.

        `message_id` is `left@right`, with or without angle brackets; `date` is aware; `headers`
        are the product's own, such as List-Unsubscribe. `MimeError` if one of them is malformed.
        No dot stuffing.
        """
        charset, heads, bodies = self._encoded(values)
        parts = [
            *heads,
            mime_headers.mailbox("To", to_name, charset, address=to),
            _date_header(date),
            _message_id_header(message_id),
            *(_own_header(name, value, charset) for name, value in headers),
            self.fixed_head,
            *self._body(bodies),
        ]
        return Rendered(b"".join(parts), charset)

    def _encoded(self, values: Mapping[str, str]) -> tuple[Charset, list[bytes], list[bytes]]:
        if self.prefers_iso_2022_jp:
            try:
                return "iso-2022-jp", *self._in_charset(values, "iso-2022-jp")
            except UnicodeEncodeError:  # a value of this recipient: this one goes as UTF-8
                pass
        return "utf-8", *self._in_charset(values, "utf-8")

    def _in_charset(
        self, values: Mapping[str, str], charset: Charset
    ) -> tuple[list[bytes], list[bytes]]:
        return (
            [piece.made(values, charset) for piece in self.heads],
            [piece.made(values, charset) for piece in self.bodies],
        )

    def _body(self, entities: Sequence[bytes]) -> Iterable[bytes]:
        mixed, alternative = self.boundary + _MIXED, self.boundary + _ALTERNATIVE
        if self.attached:
            yield mime_bodies.multipart_head("mixed", mixed)
            yield b"--" + mixed + b"\r\n"
        if len(entities) == 1:
            yield entities[0]
        else:
            yield mime_bodies.multipart_head("alternative", alternative)
            yield mime_bodies.enclosed(entities, alternative)
            yield mime_bodies.closing(alternative)
        if self.attached:
            yield b"\r\n" + self.attached


def compile(content: Content) -> Compiled:  # noqa: A001  called as merge.compile, mime.compile
    """Check and prepare a mailing.

    `MimeError`: both bodies are empty, a merge field is wrong (its `MergeError` is the cause), a
    header or an attachment cannot be sent.
    """
    if not content.text.strip() and not content.html.strip():
        sentence = "The mail has neither a text nor an HTML body; write at least one."
        raise MimeError("no-body", sentence)
    boundary = _boundary(content)
    heads = _head_pieces(content)
    bodies = _body_pieces(content, boundary)
    pieces = (*heads, *bodies)
    return Compiled(
        fields=frozenset().union(*(piece.template.fields for piece in pieces)),
        prefers_iso_2022_jp=content.charset != "utf-8"
        and all(piece.template.fields or "iso-2022-jp" in piece.fixed for piece in pieces),
        heads=heads,
        bodies=bodies,
        fixed_head=_fixed_head(content),
        attached=_attached(content, boundary + _MIXED),
        boundary=boundary,
    )


def check_header(name: str, value: str) -> None:
    """`MimeError` for a header that a sender may not add."""
    mime_headers.check_name(name, own=False)
    mime_headers.check_value(name, value)


def _head_pieces(content: Content) -> tuple[Piece, ...]:
    sender = partial(mime_headers.mailbox, "From", address=content.from_address)
    pieces = [
        _piece(content, "sender name", content.from_name, sender),
        _piece(content, "subject", content.subject, mime_headers.subject),
    ]
    for name, value in content.headers:
        check_header(name, value)
        encode = partial(mime_headers.unstructured, name)
        pieces.append(_piece(content, f"header {name}", value, encode))
    return tuple(pieces)


def _body_pieces(content: Content, boundary: bytes) -> tuple[Piece, ...]:
    """Text before HTML: a reader takes the last it knows (RFC 2046 section 5.1.4)."""
    plain = partial(mime_bodies.text_entity, subtype="plain", boundary=boundary)
    rich = partial(mime_bodies.text_entity, subtype="html", boundary=boundary)
    pieces = []
    if content.text.strip():
        pieces.append(_piece(content, "text", content.text, plain))
    if content.html.strip():
        pieces.append(_piece(content, "HTML", content.html, rich, html.escape))
    return tuple(pieces)


def _piece(
    content: Content,
    label: str,
    source: str,
    encode: _Encode,
    escape: Callable[[str], str] | None = None,
) -> Piece:
    try:
        template = merge.compile(source)
    except merge.MergeError as error:
        raise MimeError("bad-merge", f"In the {label}: {error}", name=label) from error
    fixed: dict[Charset, bytes] = {}
    if not template.fields:
        text = template.render({})
        fixed["utf-8"] = encode(text, "utf-8")
        if content.charset != "utf-8":
            with suppress(UnicodeEncodeError):
                fixed["iso-2022-jp"] = encode(text, "iso-2022-jp")
    return Piece(label, template, encode, escape, fixed)


def _fixed_head(content: Content) -> bytes:
    version = b"MIME-Version: 1.0\r\n"
    if content.reply_to is None:
        return version
    return mime_headers.mailbox("Reply-To", "", "utf-8", address=content.reply_to) + version


def _attached(content: Content, boundary: bytes) -> bytes:
    """The attachments with their delimiters, base64-encoded once for all recipients."""
    if not content.attachments:
        return b""
    charset: Charset = "utf-8" if content.charset == "utf-8" else "iso-2022-jp"
    entities = [mime_bodies.attachment_entity(each, charset) for each in content.attachments]
    return mime_bodies.enclosed(entities, boundary) + mime_bodies.closing(boundary)


def _boundary(content: Content) -> bytes:
    """The stem of both boundaries. "=_" never occurs in quoted-printable or base64."""
    digest = hashlib.sha256()
    parts = [content.subject, content.from_name, content.text, content.html]
    octets = [part.encode("utf-8", "replace") for part in parts]
    for each in (*octets, *(attachment.data for attachment in content.attachments)):
        digest.update(hashlib.sha256(each).digest())
    return f"=_{digest.hexdigest()[:32]}".encode("ascii")


def _own_header(name: str, value: str, charset: Charset) -> bytes:
    mime_headers.check_name(name, own=True)
    mime_headers.check_value(name, value)
    return mime_headers.unstructured(name, value, charset)


def _date_header(date: datetime) -> bytes:
    if date.tzinfo is None:
        raise MimeError("date", "The date of a mail needs a time zone.")
    return f"Date: {format_datetime(date)}\r\n".encode("ascii")


def _message_id_header(message_id: str) -> bytes:
    bare = message_id.removeprefix("<").removesuffix(">")
    if not _MESSAGE_ID.fullmatch(bare):
        sentence = f"The message id {message_id!r} is not of the form left@right in ASCII."
        raise MimeError("message-id", sentence, name=message_id)
    return f"Message-ID: <{bare}>\r\n".encode("ascii")
