"""Octets of mail as text: what their charset says, or what they look like. Never fails."""

from __future__ import annotations

import binascii
import codecs
import re
from functools import lru_cache
from typing import Final

# Octets of one part that are read: reasons stand at the beginning, and nobody reads more.
LONGEST_TEXT: Final = 256 * 1024

# Families of charsets that mail uses. Python knows others, slow ones (punycode) among them.
_MAIL_CHARSET: Final = re.compile(
    r"(?:us-)?ascii|utf[-_]?(?:8|16)|iso[-_]?\d|latin|windows|cp\d|koi8|euc|shift|sjis|x-sjis"
    r"|ms_kanji|ms932|gb|hz|big5|ks_c|johab|tis|mac",
    re.IGNORECASE,
)
# Names that Python's codecs do not know, as mailers write them.
_ALIASES: Final = {
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "ms_kanji": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-2022-jp-ms": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext",
    "gb2312": "gb18030",
    "ks_c_5601-1987": "cp949",
}
_GUESSES: Final = ("utf-8", "cp932", "euc_jp", "gb18030")


def text_of(octets: bytes, charset: str = "") -> str:
    """The text; what cannot be read becomes U+FFFD."""
    if octets.isascii() and b"\x1b" not in octets:
        return octets.decode("ascii")
    if (codec := _codec(charset)) and not _mislabelled(octets, codec):
        return octets.decode(codec, "replace")
    if octets.isascii():
        return octets.decode("iso2022_jp_ext", "replace")
    for guess in _GUESSES:
        try:
            return octets.decode(guess)
        except UnicodeDecodeError:
            continue
    return octets.decode("latin-1")


def transfer_decoded(octets: bytes, encoding: str, most: int = LONGEST_TEXT) -> bytes:
    """Without its content transfer encoding (RFC 2045 section 6); at most `most` octets."""
    encoding = encoding.strip().lower()
    if encoding == "base64":
        return _base64(octets[: most * 3 // 2])[:most]
    if encoding == "quoted-printable":
        return binascii.a2b_qp(octets[: most * 3])[:most]
    return octets[:most]


def _base64(octets: bytes) -> bytes:
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
    whole = letters[: len(letters) & ~3]
    rest = letters[len(whole) :]
    # One letter alone carries no octet; two or three do, with the padding that was lost.
    tail = rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""
    return binascii.a2b_base64(whole + tail)


def _mislabelled(octets: bytes, codec: str) -> bool:
    """Japanese under a label that cannot hold it: seen of carriers and filters."""
    if b"\x1b$" in octets or b"\x1b(" in octets:
        return not codec.startswith("iso2022")
    return codec == "ascii" or (codec.startswith("iso2022") and not octets.isascii())


@lru_cache(256)
def _codec(charset: str) -> str:
    """Python's name of the codec, "" if there is none for mail."""
    name = charset.strip().strip("\"'").lower()[:40]
    if not _MAIL_CHARSET.match(name):
        return ""
    try:
        return codecs.lookup(_ALIASES.get(name, name)).name
    except (LookupError, ValueError):
        return ""
