"""Header fields on the wire: names, folding and text beyond ASCII (RFC 5322, RFC 2047)."""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from typing import Final, Literal, TypeAlias

from wire import iso2022jp
from wire.addresses import Address

Charset: TypeAlias = Literal["utf-8", "iso-2022-jp"]

MAX_LINE: Final = 998  # octets without CRLF, RFC 5322 section 2.1.1
MAX_ENCODED_LINE: Final = 76  # RFC 2047 section 2
MAX_WORD: Final = 75  # RFC 2047 section 2

# Headers that this product writes itself, or that only a transport or a signer may write.
STRUCTURAL: Final = frozenset(
    {
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "return-path",
        "received",
        "delivered-to",
        "dkim-signature",
        "domainkey-signature",
        "authentication-results",
    }
)
STRUCTURAL_PREFIXES: Final = ("content-", "resent-", "arc-")
# The way out belongs to the platform: a sender must not point it elsewhere (RFC 8058).
UNSUBSCRIBE: Final = frozenset({"list-unsubscribe", "list-unsubscribe-post"})

_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,76}")  # ftext, RFC 5322 section 3.6.8
_ATOMS: Final = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_WORDS: Final = re.compile(r" +[^ ]+")
_QUOTED_SPECIALS: Final = re.compile(r'(["\\])')
# Line breaks of every kind, other controls, and halves of surrogate pairs.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class MimeError(ValueError):
    """A mail that cannot be written; the sentence, in English, says where and what to change.

    `code` is one of: no-body, bad-merge, header-name, header-reserved, header-value,
    attachment-name, attachment-unnamed, attachment-type, attachment-multipart, date, message-id.
    `params` are the names in the sentence: name, type.
    """

    def __init__(self, code: str, sentence: str, **params: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.params = params


def one_line(text: str) -> str:
    """`text` for a header: each run of line breaks and controls is a space, none at the ends.

    This is what makes header injection through merge values impossible.
    """
    return _CONTROLS.sub(" ", text).strip()


def check_name(name: str, *, own: bool) -> None:
    """`MimeError` for a name that is no field name or is reserved; `own`: the product asks."""
    lower = name.lower()
    if not _FIELD_NAME.fullmatch(name):
        sentence = f"The header name {name!r} is not valid; use letters, digits and hyphens."
        raise MimeError("header-name", sentence, name=name)
    reserved = lower in STRUCTURAL or lower.startswith(STRUCTURAL_PREFIXES)
    if reserved or (lower in UNSUBSCRIBE and not own):
        sentence = f"The header {name} is written by the system; remove it."
        raise MimeError("header-reserved", sentence, name=name)


def check_value(name: str, value: str) -> None:
    """`MimeError` for a value with a line break or another control character in it."""
    if has_controls(value):
        sentence = f"The header {name} contains a line break or a control character; remove it."
        raise MimeError("header-value", sentence, name=name)


def has_controls(text: str) -> bool:
    """Whether there is a line break, another control character or half of a surrogate pair."""
    return _CONTROLS.search(text) is not None


def unstructured(name: str, text: str, charset: Charset) -> bytes:
    """One header of free text, with its CRLF. ASCII is only folded, so URLs stay as they are."""
    return _text_header(name, one_line(text), _usable(text, charset), MAX_LINE)


def subject(text: str, charset: Charset) -> bytes:
    """The Subject header; `UnicodeEncodeError` if `charset` cannot hold it."""
    line = one_line(text)
    if charset == "iso-2022-jp":
        iso2022jp.encode(line)
    return _text_header("Subject", line, charset, MAX_ENCODED_LINE)


def mailbox(name: str, display: str, charset: Charset, *, address: Address) -> bytes:
    """A From, To or Reply-To header. A display name that `charset` cannot hold goes as UTF-8."""
    shown = one_line(display)
    if not shown:
        return f"{name}: {address.mailbox}\r\n".encode()
    phrase = _phrase(name, shown, _usable(shown, charset))
    last = phrase.rpartition("\n")[2]
    room = MAX_ENCODED_LINE - (len(last) + (0 if "\n" in phrase else len(name) + 2))
    gap = " " if len(address.mailbox) + 3 <= room else "\r\n "
    return f"{name}: {phrase}{gap}<{address.mailbox}>\r\n".encode()


def encoded_words(text: str, charset: Charset, *, first: int = MAX_WORD) -> list[str]:
    """RFC 2047 B words of whole characters, at most 75 octets each and `first` for the first.

    Each ISO-2022-JP word begins and ends in ASCII state, as each is encoded by itself.
    """
    codec, frame = ("utf-8", "=?utf-8?B?{}?=")
    if charset == "iso-2022-jp":
        codec, frame, text = iso2022jp.CODEC, "=?ISO-2022-JP?B?{}?=", iso2022jp.jis_form(text)
    words: list[str] = []
    room = min(first, MAX_WORD)
    while text:
        size = _fitting(text, codec, (room - len(frame) + 2) // 4 * 3)
        chunk = base64.b64encode(text[:size].encode(codec)).decode("ascii")
        words.append(frame.format(chunk))
        text = text[size:]
        room = MAX_WORD
    return words


def is_plain(text: str) -> bool:
    """Whether a header can show `text` as it is: ASCII that no reader takes for encoded words."""
    return text.isascii() and not ("=?" in text and "?=" in text)


def quoted_string(text: str) -> str:
    """RFC 5322 section 3.2.4."""
    return '"' + _QUOTED_SPECIALS.sub(r"\\\1", text) + '"'


def _fitting(text: str, codec: str, octets: int) -> int:
    """How many characters of `text` take at most `octets` when encoded; at least one."""
    candidates = range(1, min(len(text), octets) + 1)
    return max(1, bisect_right(candidates, octets, key=lambda n: len(text[:n].encode(codec))))


def _usable(text: str, charset: Charset) -> Charset:
    if charset == "iso-2022-jp":
        try:
            iso2022jp.encode(text)
        except UnicodeEncodeError:
            return "utf-8"
    return charset


def _text_header(name: str, text: str, charset: Charset, limit: int) -> bytes:
    if is_plain(text):
        folded = _folded(name, text)
        if all(len(line) <= limit for line in folded.split("\r\n")):
            return f"{folded}\r\n".encode("ascii")
    words = encoded_words(text, charset, first=MAX_ENCODED_LINE - len(name) - 2)
    return f"{name}: {_lines(words)}\r\n".encode("ascii")


def _folded(name: str, text: str) -> str:
    """An ASCII header folded before spaces (RFC 5322 section 2.2.3), its first word on line one."""
    lines = [f"{name}:"]
    for word in _WORDS.findall(f" {text}"):
        if len(lines[-1]) + len(word) > MAX_ENCODED_LINE and len(lines[-1]) > len(name) + 1:
            lines.append(word)
        else:
            lines[-1] += word
    return "\r\n".join(lines)


def _phrase(name: str, shown: str, charset: Charset) -> str:
    """A display name (RFC 5322 section 3.2.5): atoms, a quoted string or encoded words."""
    first = MAX_ENCODED_LINE - len(name) - 2
    quoted = shown if _ATOMS.fullmatch(shown) else quoted_string(shown)
    if is_plain(shown) and len(quoted) <= first:
        return quoted
    return _lines(encoded_words(shown, charset, first=first))


def _lines(words: list[str]) -> str:
    return "\r\n ".join(words)
