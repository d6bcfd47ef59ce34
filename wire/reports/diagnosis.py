"""The reply of a server, picked out of what a report says about it, and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wire.outcomes import Phase
from wire.replies import Verdict
from wire.rulebook import Rulebook

LONGEST: Final = 2000  # characters of a diagnostic that are kept and judged

# A reply line: code, separator, perhaps an enhanced code. Not a year, a port or a part of an IP.
_REPLY: Final = re.compile(
    r"(?:^|[\s:;'\"(<>|,#\[])(?P<code>[45][0-5]\d)(?:[- ]|\s?[-:;,]\s?|#|\s\(|\Z)"
    r"(?:\s{0,4}[('\"#]{0,2}(?P<enhanced>[45]\.\d{1,3}\.\d{1,3})(?![\d.]))?"
)
_GLUED: Final = re.compile(r"\.\.\.(?=[^\s.])")  # "user@example.com...User unknown"
_ENHANCED: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_GENERIC: Final = re.compile(r"[245]\.0\.0\Z")
_STATUS: Final = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# What a mailer says of the attempt, not the server that is quoted. Nobody but a mailer says so, and
# before a recipient was named it decides whom a refusal can blame.
_FRAME: Final = re.compile(
    r"in reply to (?:the )?(?P<replied>.{2,30}?) command"
    r"|remote mail(?:er| ?server) after (?:pipelined )?(?P<after>[a-z]{3,8})"
    r"|(?P<talk>refused to talk to me)",
    re.IGNORECASE,
)
_SPOKEN: Final = (
    ("end", Phase.end_of_data),
    ("rcpt", Phase.rcpt),
    ("data", Phase.data),
    ("mail", Phase.mail),
    ("ehlo", Phase.ehlo),
    ("helo", Phase.ehlo),
    ("starttls", Phase.starttls),
    ("auth", Phase.auth),
    ("initial", Phase.banner),
    ("refused", Phase.banner),
)
# Where the attempt stood, in looser words; the first that is found counts.
_PHASES: Final = tuple(
    (re.compile(words, re.IGNORECASE), phase)
    for words, phase in (
        (r"end of (?:message|data)|final DATA|DATA_END|\[BODY\]|<CRLF>\.", Phase.end_of_data),
        (r"RCPT[ _]TO|\bRCPT\b|recipient (?:rejected|refused)", Phase.rcpt),
        (r"\b(?-i:DATA)\b", Phase.data),
        (r"(?-i:MAIL[ _]F(?:ROM|rom):)|MAIL command", Phase.mail),
        (r"(?-i:\b(?:EHLO|HELO) command)", Phase.ehlo),
        (r"TLS handshake", Phase.starttls),
        (r"initial (?:connection|greeting)", Phase.banner),
        (
            r"connect(?:ion)?\b.{0,40}(?:timed out|refused|reset|unreachable)|no route to host",
            Phase.connect,
        ),
    )
)


# A transcript: what was said to the server before it refused.
_SAID: Final = re.compile(
    r"^\s{0,8}(?:>>>|-->|Sent <<<|hMailServer sent:)\s{0,3}(DATA|RCPT|MAIL|EHLO|HELO|\.)",
    re.MULTILINE,
)
_SAID_AT: Final = {"MAIL": Phase.mail, "EHLO": Phase.ehlo, "HELO": Phase.ehlo}
_IN_REPLY: Final = re.compile(r"in reply to .{2,30}? command|SMTP command\s{1,4}[A-Z]{4}")
_COMMAND_NAMED: Final = re.compile(r"\s?\(in reply to [^()]{2,40}\)\s?\Z")  # Postfix adds it
# Sendmail sends RCPT and DATA at once, and shows the last: this is how recipients were refused.
_NO_RECIPIENT: Final = re.compile(r"need RCPT|no valid recipients|\b503 ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`code` is None where no reply is quoted; `status` "" where no enhanced code is known."""

    text: str
    code: int | None
    status: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Quote:
    """A server's reply without the words of who quotes it; `code` None where there is none."""

    phase: Phase
    code: int | None
    text: str


def quote(diagnostic: str) -> Quote:
    """The reply in a diagnostic; all of it where none is quoted."""
    text = _GLUED.sub("... ", " ".join(diagnostic.split()))[:LONGEST]
    phase = _phase(text, "")
    found = _REPLY.search(text)
    if found is None:
        return Quote(phase, None, text)
    said = _COMMAND_NAMED.sub("", text[found.end("code") :].lstrip(" -:;,"))
    return Quote(phase, int(found["code"]), re.sub(rf"\s{found['code']}[ -]", " ", said))


def of(
    text: str, *, book: Rulebook, status: str = "", context: str = "", mx: str = ""
) -> Diagnosis:
    """Judge what was said about one recipient by the rules of `book`.

    `status` is the report's own field, `context` the words around, which help where `text` alone
    says nothing that is known, `mx` the host that said it.
    """
    text = _GLUED.sub("... ", " ".join(text.split()))[:LONGEST]
    found = _REPLY.search(text)
    code = int(found["code"]) if found else None
    quoted = found["enhanced"] if found and found["enhanced"] else _first_enhanced(text)
    status = known_status(status)
    enhanced = quoted if quoted and (not status or _GENERIC.match(status)) else status
    phase = _phase(text, context)
    verdict = book.classify(phase, code, enhanced, text, mx=mx or None)
    if context and verdict.category == "unclassified":
        whole = " ".join(context.split())[:LONGEST]
        wider = book.classify(phase, code, enhanced, whole, mx=mx or None)
        verdict = wider if wider.category != "unclassified" else verdict
    return Diagnosis(text, code, enhanced, verdict)


def known_status(value: str) -> str:
    """A Status field as an enhanced code without leading zeros (RFC 3463), "" if it is none."""
    found = _STATUS.match(value)
    return f"{found[1]}.{int(found[2])}.{int(found[3])}" if found else ""


def has_reply(text: str) -> bool:
    return _REPLY.search(text) is not None


def _first_enhanced(text: str) -> str:
    found = _ENHANCED.search(text)
    return found[1] if found else ""


def _phase(text: str, context: str) -> Phase:
    """Where the attempt stood; recipient commands are by far the commonest place of a refusal."""
    asked = _IN_REPLY.search(context)
    for said_of_it in (text, asked[0] if asked else ""):
        phase = _spoken(said_of_it) or _in_looser_words(said_of_it)
        if phase is not None:
            return phase
    said = _SAID.findall(context)
    if said and said[-1] in {"DATA", "."}:
        return Phase.rcpt if _NO_RECIPIENT.search(context) else Phase.end_of_data
    return _SAID_AT.get(said[-1], Phase.rcpt) if said else Phase.rcpt


def _spoken(text: str) -> Phase | None:
    """The command that a mailer names beside the reply it quotes."""
    found = _FRAME.search(text)
    if found is None:
        return None
    words = (found["replied"] or found["after"] or found["talk"]).lower()
    return next((phase for begin, phase in _SPOKEN if words.startswith(begin)), None)


def _in_looser_words(text: str) -> Phase | None:
    return next((phase for words, phase in _PHASES if words.search(text)), None)
