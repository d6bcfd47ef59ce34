"""ISO-2022-JP (RFC 1468): the 7-bit charset that old Japanese readers know."""

from __future__ import annotations

import re
from typing import Final

CODEC: Final = "iso2022_jp"

# Characters that CP932 (Windows) and JIS X 0208 write as different code points for one glyph. The
# JIS form is sent: ～ as 〜, － as −, ∥ as ‖, ￠ as ¢, ￡ as £, ￢ as ¬, — as ―.
_TWINS: Final = {
    0xFF5E: 0x301C,
    0xFF0D: 0x2212,
    0x2225: 0x2016,
    0xFFE0: 0x00A2,
    0xFFE1: 0x00A3,
    0xFFE2: 0x00AC,
    0x2014: 0x2015,
}
# ESC, SO and SI would switch the reader's character set; the others have no place in 7bit text.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def jis_form(text: str) -> str:
    """`text` with the CP932 twins replaced; this is what a reader gets back."""
    return text.translate(_TWINS)


def encode(text: str) -> bytes:
    """The octets, beginning and ending in ASCII state.

    `UnicodeEncodeError` if a character does not survive the way there and back (①, ㈱, emoji,
    half-width kana) or is a control character other than TAB, CR and LF.
    """
    if control := _CONTROLS.search(text):
        raise UnicodeEncodeError(CODEC, text, *control.span(), "control character")
    try:
        return text.encode(CODEC)
    except UnicodeEncodeError:  # seldom; looking for twins first would cost more than encoding
        return jis_form(text).encode(CODEC)
