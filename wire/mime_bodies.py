"""Bodies on the wire: transfer encodings, multiparts, attachments (RFC 2045, 2046, 2183, 2231)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

from wire import iso2022jp
from wire.mime_headers import (
    MAX_LINE,
    Charset,
    MimeError,
    encoded_words,
    has_controls,
    is_plain,
    quoted_string,
)

_BASE64_LINE: Final = 76  # RFC 2045 section 6.8
_QP_SAFE: Final = bytes({*range(32, 127), 9, 10, 13} - {ord("=")})
_LINE_BREAK: Final = re.compile(r"\r\n?")
_MEDIA_TYPE: Final = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}", re.ASCII)
_PARAMETER_SEGMENT: Final = 54  # octets of a name on one line of at most 76


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to send along. `content_type` is `type/subtype`, without parameters."""

    filename: str
    content_type: str
    data: bytes = field(repr=False)


def text_entity(
    text: str, charset: Charset, *, subtype: Literal["plain", "html"], boundary: bytes
) -> bytes:
    """Headers, empty line and body of a text part; `UnicodeEncodeError`: not in `charset`.

    ISO-2022-JP goes as 7bit where its lines allow it and it cannot be taken for `boundary`; else
    the smaller of quoted-printable and base64, which keep every line short (docomo answers
    "500 Line Too Long").
    """
    lines = _LINE_BREAK.sub("\n", text).replace("\n", "\r\n")
    lines = lines if lines.endswith("\r\n") else lines + "\r\n"
    jis = charset == "iso-2022-jp"
    data = iso2022jp.encode(lines) if jis else lines.encode("utf-8", "replace")
    encoding, body = ("7bit", data) if jis and _fits_7bit(data, boundary) else _shortest(data)
    head = (
        f"Content-Type: text/{subtype}; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return head.encode("ascii") + body


def check_attachment(attachment: Attachment) -> None:
    """`MimeError` for a name or a type that cannot be sent."""
    name, media_type = attachment.filename, attachment.content_type
    if has_controls(name):
        sentence = f"The file name {name!r} contains a line break or a control character."
        raise MimeError("attachment-name", sentence, name=name)
    if not name.strip():
        raise MimeError("attachment-unnamed", "An attachment has no file name; give it one.")
    if not _MEDIA_TYPE.fullmatch(media_type):
        sentence = f"The type {media_type!r} of {name!r} is not of the form type/subtype."
        raise MimeError("attachment-type", sentence, name=name, type=media_type)
    if media_type.lower().startswith(("multipart/", "message/")):
        # RFC 2046 sections 5.1 and 5.2.1 forbid base64 for these.
        sentence = f"The type {media_type} of {name!r} cannot be attached; zip the file."
        raise MimeError("attachment-multipart", sentence, name=name, type=media_type)


def attachment_entity(attachment: Attachment, charset: Charset) -> bytes:
    """Headers, empty line and base64 body of an attachment; `MimeError` for a bad name or type."""
    check_attachment(attachment)
    name, media_type = attachment.filename, attachment.content_type
    head = (
        f"Content-Type: {media_type};\r\n name={_old_name(name, charset)}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment;\r\n {_parameter('filename', name)}\r\n\r\n"
    )
    return head.encode("ascii") + _base64(attachment.data)


def multipart_head(kind: Literal["alternative", "mixed"], boundary: bytes) -> bytes:
    """The Content-Type header of a multipart and the empty line after it."""
    opening = f"Content-Type: multipart/{kind};\r\n boundary=".encode("ascii")
    return opening + b'"' + boundary + b'"\r\n\r\n'


def enclosed(entities: Iterable[bytes], boundary: bytes) -> bytes:
    """The entities of a multipart, each after its delimiter (RFC 2046 section 5.1.1)."""
    return b"".join(b"--" + boundary + b"\r\n" + entity + b"\r\n" for entity in entities)


def closing(boundary: bytes) -> bytes:
    """The last delimiter of a multipart."""
    return b"--" + boundary + b"--\r\n"


def _fits_7bit(data: bytes, boundary: bytes) -> bool:
    return boundary not in data and max(map(len, data.split(b"\r\n"))) <= MAX_LINE


def _shortest(data: bytes) -> tuple[str, bytes]:
    # Quoted-printable adds two octets for each unsafe one, base64 a third of everything.
    unsafe = len(data.translate(None, _QP_SAFE))
    if unsafe * 6 < len(data):
        return "quoted-printable", binascii.b2a_qp(data, istext=True)
    return "base64", _base64(data)


def _base64(data: bytes) -> bytes:
    encoded = binascii.b2a_base64(data, newline=False)
    lines = [encoded[at : at + _BASE64_LINE] for at in range(0, len(encoded), _BASE64_LINE)]
    return b"\r\n".join(lines) + b"\r\n"


def _old_name(name: str, charset: Charset) -> str:
    """The `name` parameter for readers that know no RFC 2231: encoded words, against RFC 2047.

    Japanese readers have long written and understood them inside the quotes.
    """
    if is_plain(name) and len(name) <= _PARAMETER_SEGMENT:
        return quoted_string(name)
    return '"' + "\r\n ".join(encoded_words(name, charset, first=67)) + '"'


def _parameter(attribute: str, value: str) -> str:
    """A MIME parameter; RFC 2231 with continuations where it is long or not ASCII."""
    if is_plain(value) and len(value) <= _PARAMETER_SEGMENT:
        return f"{attribute}={quoted_string(value)}"
    segments = _percent_segments(value)
    if len(segments) == 1:
        return f"{attribute}*=utf-8''{segments[0]}"
    first, *others = segments
    lines = [f"{attribute}*0*=utf-8''{first}"]
    lines += [f"{attribute}*{number}*={each}" for number, each in enumerate(others, start=1)]
    return ";\r\n ".join(lines)


def _percent_segments(value: str) -> list[str]:
    """The percent-encoded value in pieces of whole characters."""
    segments = [""]
    for character in value:
        octets = quote(character, safe="")
        if len(segments[-1]) + len(octets) > _PARAMETER_SEGMENT:
            segments.append("")
        segments[-1] += octets
    return segments
