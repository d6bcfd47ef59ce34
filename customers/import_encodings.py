"""In which encoding a file of addresses is written, decided on the whole file in bounded memory."""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _

BLOCK: Final = 1 << 20  # octets

# Names as the file's owner knows them; the keys are Python's codecs, and stored with the batch.
NAMES: Final = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "cp932": "Shift_JIS",
    "euc_jp": "EUC-JP",
    "iso2022_jp_ext": "ISO-2022-JP",
}
_UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ESCAPE: Final = b"\x1b"
# Lead bytes of Shift_JIS that EUC-JP does not know, and those of kanji in both.
_SHIFT_JIS_ONLY: Final = bytes(c for c in range(0x81, 0xA0) if c not in (0x8E, 0x8F))
_BOTH: Final = bytes(range(0xE0, 0x100))
_WINDOWS_JIS: Final = "hatobin.windows-jis"  # the name of an error handler, see below
# Python's cp932 lets bytes pass that Windows leaves undefined, so binary data would seem a text.
_UNDEFINED: Final = ("\x80", "\xa0", "\uf8f0", "\uf8f1", "\uf8f2", "\uf8f3")


class UnknownEncoding(ValueError):
    """No supported encoding fits; the sentence, in the language of now, says from which octet."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Where decoding stopped. `octet` and `line` count from 1."""

    codec: str
    octet: int
    line: int


def detect(path: Path) -> str:
    """The Python codec that reads all of the file; raises UnknownEncoding.

    A byte order mark decides; escape sequences in 7-bit text mean ISO-2022-JP (RFC 1468); what is
    valid UTF-8 is UTF-8, as other encodings hardly ever look like it by chance.
    """
    misfits = []
    for codec in _candidates(path):
        misfit = first_misfit(path, codec)
        if misfit is None:
            return codec
        misfits.append(misfit)
        if codec == "utf-8" and _began_as_utf8(path, misfit):
            break  # Shift_JIS would read the rest too, and make nonsense of all of it
    raise UnknownEncoding(_sentence(misfits))


def open_text(path: Path, codec: str) -> "io.TextIOWrapper[io.BufferedReader]":
    """The file as text, line ends unchanged; `buffer.tell()` says how many octets were read."""
    return io.TextIOWrapper(path.open("rb"), codec, _errors(codec), newline="")


def first_misfit(path: Path, codec: str) -> Misfit | None:
    """None when the whole file can be decoded."""
    decoder = codecs.getincrementaldecoder(codec)(_errors(codec))
    octets = lines = 0
    blocks = _blocks(path)
    try:
        for block in blocks:
            octets += len(block)
            text = decoder.decode(block)
            if codec == "cp932" and any(odd in text for odd in _UNDEFINED):
                return Misfit(codec, *_undefined_at(text, octets - len(block), lines))
            lines += text.count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:  # its object is the block after what was pending
        octet = octets - len(error.object) + error.start + 1
        return Misfit(codec, octet, lines + error.object[: error.start].count(b"\n") + 1)
    return None


def has_nul(path: Path, codec: str) -> bool:
    """Whether the text has a NUL character, which means that it is no text."""
    if codec != "utf-16":
        return any(b"\0" in block for block in _blocks(path))
    decoder = codecs.getincrementaldecoder(codec)("strict")
    return any("\0" in decoder.decode(block) for block in _blocks(path))


def _candidates(path: Path) -> Iterator[str]:
    """Codecs worth a try, the likeliest first; each costs one reading of the file."""
    with path.open("rb") as file:
        mark = file.read(3)
    if mark == codecs.BOM_UTF8:
        yield "utf-8-sig"
    elif mark[:2] in _UTF16_MARKS:
        yield "utf-16"
    elif all(block.isascii() for block in _blocks(path)):
        yield "iso2022_jp_ext" if any(_ESCAPE in block for block in _blocks(path)) else "utf-8"
    else:
        yield "utf-8"
        if _resembles_euc(path):
            yield "euc_jp"
        yield "cp932"


def _began_as_utf8(path: Path, misfit: Misfit) -> bool:
    """Characters of three octets or more before the misfit: other encodings have none by chance."""
    with path.open("rb") as file:
        text = file.read(min(misfit.octet - 1, BLOCK)).decode("utf-8", "ignore")
    return sum(character >= "\u0800" for character in text) >= 2


def _resembles_euc(path: Path) -> bool:
    """Kanji, but none of the octets with which most Shift_JIS characters begin."""
    kanji = False
    for block in _blocks(path):
        if any(octet in block for octet in _SHIFT_JIS_ONLY):
            return False
        kanji = kanji or any(octet in block for octet in _BOTH)
    return kanji


def _undefined_at(text: str, octets: int, lines: int) -> tuple[int, int]:
    position = min(text.find(odd) for odd in _UNDEFINED if odd in text)
    before = text[:position]
    return octets + len(before.encode("cp932", "replace")) + 1, lines + before.count("\n") + 1


def _errors(codec: str) -> str:
    return _WINDOWS_JIS if codec == "iso2022_jp_ext" else "strict"


def _windows_jis(error: UnicodeError) -> tuple[str, int]:
    """Python's handler for ①, ㈱, 髙 in ISO-2022-JP: Windows writes them, RFC 1468 has them not.

    The row and cell of the JIS table are turned into their place in Shift_JIS (JIS X 0208).
    """
    if isinstance(error, UnicodeDecodeError):
        pair = error.object[error.start : error.start + 2]
        if len(pair) == 2 and all(0x21 <= octet <= 0x7E for octet in pair):
            row, cell = pair
            first = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
            second = cell + (0x7E if row % 2 == 0 else 0x1F if cell < 0x60 else 0x20)
            text = bytes((first, second)).decode("cp932", "replace")
            if len(text) == 1 and text != "\ufffd":
                return text, error.start + 2
    raise error


codecs.register_error(_WINDOWS_JIS, _windows_jis)


def _sentence(misfits: list[Misfit]) -> str:
    furthest = max(misfits, key=lambda misfit: misfit.octet)
    words = _(
        "The file is neither UTF-8, Shift_JIS nor another encoding that we know: as %(encoding)s, "
        "byte %(octet)s in line %(line)s cannot be read. Save the file as CSV in UTF-8 and import "
        "it again."
    )
    where = {"octet": f"{furthest.octet:,}", "line": f"{furthest.line:,}"}
    return words % {"encoding": NAMES[furthest.codec], **where}


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
