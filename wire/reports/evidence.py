"""A mail that may be a bounce, taken apart once for all who look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from wire.reports import delivery_status, returned, traits, wording
from wire.reports.charsets import LONGEST_TEXT
from wire.reports.delivery_status import Status
from wire.reports.letter import Part
from wire.reports.returned import Original


class About(TypedDict):
    """What is known of the letter that failed, under the names of `Report`."""

    original_message_id: str
    verp_token: str
    original_from: str
    original_subject: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """`words` are for people, without the letter that is returned in them; `strangers` (lower
    case) are addresses of the report itself, seldom those that failed.
    """

    letter: Part
    words: str
    original: Original
    status: Status | None
    delayed: bool  # whether the words say that it is still tried
    strangers: frozenset[str]
    about: About

    def context(self, reason: str) -> str:
        """The words in which `reason` was said, for the classifier."""
        head = f"{traits.subject(self.letter)}\n{traits.filter_mark(self.letter)}"
        return f"{reason}\n{self.words[:1500]}\n{head}"


def of(letter: Part) -> Evidence:
    original, _ = returned.in_parts(letter)
    words, quoted = returned.in_text(_words(letter))
    original = original if len(original.headers) else quoted
    status = delivery_status.of(letter)
    if status is not None and status.recipients:
        words = delivery_status.before_fields(words)
    return Evidence(
        letter,
        words,
        original,
        status,
        _is_delayed(letter, words),
        traits.own_addresses(letter),
        _about(letter, words, original),
    )


def _is_delayed(letter: Part, words: str) -> bool:
    told = f"{traits.subject(letter)}\n{words[:4000]}"
    return bool(wording.DELAYED.search(told)) and not wording.GIVEN_UP.search(told)


def _about(letter: Part, words: str, original: Original) -> About:
    return {
        "original_message_id": original.message_id,
        "verp_token": traits.token(letter, Part(original.headers, b"", "", {}))
        or traits.token_in(words[:20000]),
        "original_from": original.sender,
        "original_subject": original.subject,
    }


def _words(letter: Part) -> str:
    """The plain text parts, else the HTML ones, else the text where the parts should be."""
    texts = [part for part in letter.walk() if part.type == "text/plain" and not part.parts]
    plain = "\n".join(part.text for part in texts[:10])[:LONGEST_TEXT]
    if plain.strip():
        return plain
    pages = [part.text for part in letter.walk() if part.type == "text/html"]
    return "\n".join(pages[:3])[:LONGEST_TEXT] if pages else _preamble(letter)


def _preamble(letter: Part) -> str:
    if letter.type.startswith(("image/", "audio/", "video/", "application/")):
        return ""
    return Part(letter.headers, letter.body, "text/plain", letter.parameters).text
