"""In which encoding a file of addresses is written, decided on the whole file in bounded memory."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
# Python's cp932 lets bytes pass that Windows leaves undefined, so binary data would seem a text.
_UNDEFINED: Final = ("\x80", "\xa0", "\uf8f0", "\uf8f1", "\uf8f2", "\uf8f3")


class UnknownEncoding(ValueError):
    """No supported encoding fits; the sentence names the first octet that fits none."""


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
    raise UnknownEncoding(_sentence(misfits))


def first_misfit(path: Path, codec: str) -> Misfit | None:
    """None when the whole file can be decoded."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
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


def _sentence(misfits: list[Misfit]) -> str:
    furthest = max(misfits, key=lambda misfit: misfit.octet)
    return (
        f"The file cannot be read as {NAMES[furthest.codec]}: byte {furthest.octet:,} in line"
        f" {furthest.line:,} does not fit, nor does it fit another supported encoding. Save the"
        " file as CSV in UTF-8 or Shift_JIS and import it again."
    )


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
