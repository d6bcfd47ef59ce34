"""A reply's text made ready for matching: plain words, without addresses and numbers. Pure.

The same form is given to the phrases of rules, so both sides always agree.
"""

import re
import unicodedata
from collections.abc import Callable
from itertools import filterfalse, pairwise
from operator import itemgetter
from typing import Final, NamedTuple

from wire.outcomes import Phase

# Characters looked at. Receivers say what they mean in the first few lines (RFC 5321 4.5.3.1.5
# bounds a reply line at 512 octets).
LONGEST: Final = 4096
GAP: Final = 80  # characters that a "*" of a phrase may stand for
KEY: Final = 5  # letters of a word by which phrases are looked up

_key: Final[Callable[[str], str]] = itemgetter(slice(KEY))
# What an address says is not what the receiver says: <no.such.user@spam.example>.
_ADDRESS: Final = re.compile(r"[^\s<>(),;:\"\[\]]{1,64}@[^\s<>(),;:\"\[\]]{1,255}")
# Lower-case letters and digits stay, whatever else is ASCII becomes a space.
_ASCII: Final = bytes(
    ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else ord(" ")
    for code in range(256)
)
_SEPARATORS: Final = dict.fromkeys(map(ord, "‘’“”«»。、「」…–—"), " ") | {
    code: chr(_ASCII[code]) for code in range(128)
}
# "550-5.7.1 " before each line but the first; bounce texts repeat it within a line, too.
_LINE_START: Final = re.compile(r"(?m)^[245]\d\d[ -](?:#?[245]\.\d{1,3}\.\d{1,3}[ :]?)?")
# Who speaks and when, as Postfix and Exim put it around the reply: it says nothing of the reason.
_FRAME: Final = re.compile(
    r"\bhost \S{1,255}\s?\[[^\]\s]{2,45}\](?: said| refused to talk to me)?:"
    r"|\(in reply to [a-z ]{4,30}command\)"
    r"|SMTP error from remote mail(?: server|er) after [a-z ]{4,30}(?::?\s?<[^>]{0,255}>)?"
    r"(?: SIZE=\d{1,20})?:",
    re.IGNORECASE,
)
_ENHANCED: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\d|\.\d)")


class Seen(NamedTuple):
    """One reply as the rules see it: its `words`, `plain` as " word word word ", and the first
    letters of each as `keys`.
    """

    phase: Phase
    code: int | None
    enhanced: str
    text: str
    words: list[str]
    plain: str
    keys: set[str]
    mx: str


def see(phase: Phase, code: int | None, enhanced: str, text: str, mx: str | None) -> Seen:
    """Lines are joined; codes that each of them repeats are left out."""
    text = text[:LONGEST]
    if "\n" in text or "\r" in text or _is_framed(text):
        enhanced = enhanced or enhanced_in(text)  # which would be left out below
        text = _FRAME.sub(" ", text.replace("\r", "\n")).lstrip()
        text = _LINE_START.sub("", text).replace("\n", " ")
    words = words_of(text)
    host = mx.lower().rstrip(".") if mx else ""
    plain = f" {' '.join(words)} "
    return Seen(phase, code, enhanced, text, words, plain, set(map(_key, words)), host)


def _is_framed(text: str) -> bool:
    """Whether _FRAME is worth a try. A chain, not a loop: it is asked for every reply."""
    if "]" in text and ("]: " in text or "] said" in text or "] refused" in text):
        return True
    return "reply to" in text or "remote mail" in text


def words_of(text: str) -> list[str]:
    """Lower-case words without addresses, accents, punctuation and bare numbers."""
    if "@" in text:
        text = _ADDRESS.sub(" ", text.replace("...", " "))  # "User unknown...ann@example.com"
    if text.isascii():
        text = text.encode("ascii").translate(_ASCII).decode("ascii")
    else:
        text = _without_accents(text.lower()).translate(_SEPARATORS)
    return list(filterfalse(str.isdigit, text.split()))


def _without_accents(text: str) -> str:
    """Full-width letters become plain ones on the way."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def enhanced_in(text: str) -> str:
    """The first enhanced status code (RFC 3463) anywhere in the text, or ""."""
    found = _ENHANCED.search(text)
    return found[1] if found else ""


class Phrase(NamedTuple):
    """Words that must follow each other; `parts` may have up to GAP characters between them.

    `anchors` are its whole words: a text that has the phrase has each of them (by its first
    letters, as a last word may go on). None of them for text in scripts without spaces.
    """

    parts: tuple[str, ...]
    anchors: tuple[str, ...]

    @property
    def beginning(self) -> "tuple[str, Phrase | None]":
        """Its first part, and itself if it has more."""
        return self.parts[0], self if len(self.parts) > 1 else None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Whole words that must stand next to each other."""
        whole = [part.split() if part.endswith(" ") else part.split()[:-1] for part in self.parts]
        return [pair for words in whole for pair in pairwise(words) if all(map(str.isascii, pair))]

    def is_in(self, plain: str) -> bool:
        """Bounded: each part is sought once after each place of the first."""
        first = self.parts[0]
        if first not in plain:
            return False
        return len(self.parts) == 1 or self.goes_on_in(plain)

    def goes_on_in(self, plain: str) -> bool:
        """Whether the other parts follow, after any place of the first."""
        first, *rest = self.parts
        at = plain.find(first)
        while at >= 0:
            if _follow(plain, at + len(first), rest):
                return True
            at = plain.find(first, at + 1)
        return False


def _follow(plain: str, at: int, parts: list[str]) -> bool:
    for part in parts:
        # Neighbours share the space between them.
        found = plain.find(part, at - 1, at + GAP + len(part))
        if found < 0:
            return False
        at = found + len(part)
    return True


class PhraseRefused(ValueError):
    """Words that could never be found; in English. `code`: number, no-word or short-word."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def phrase(words: str) -> Phrase:
    """Read "mailbox * full" or "greylist*". Raises PhraseRefused."""
    parts: list[str] = []
    anchors: list[str] = []
    run: list[str] = []
    for word in words.split():
        if word.isdigit():
            sentence = f"“{words}”: bare numbers are not looked at; use a regex for {word}."
            raise PhraseRefused("number", sentence)
        stem = words_of(word.rstrip("*"))
        run += stem
        anchors += [one for one in stem if not word.endswith("*") or len(one) >= KEY]
        if word.endswith("*"):
            parts += _part(run, goes_on=bool(stem))
            run = []
    parts += _part(run, goes_on=False)
    if not parts:
        sentence = f"“{words}” has no word that could be looked for: give at least one."
        raise PhraseRefused("no-word", sentence)
    found = Phrase(tuple(parts), tuple(word for word in anchors if word.isascii()))
    if not found.anchors and all(part.isascii() for part in parts):
        sentence = f"“{words}”: before a * a word needs at least {KEY} letters."
        raise PhraseRefused("short-word", sentence)
    return found


def _part(run: list[str], *, goes_on: bool) -> list[str]:
    """With a space on either side where words have such; a word that goes on has none behind."""
    if not run:
        return []
    text = " ".join(run)
    before = " " if run[0].isascii() else ""
    after = " " if run[-1].isascii() and not goes_on else ""
    return [before + text + after]
