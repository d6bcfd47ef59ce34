"""What became of one attempt to deliver one letter: phase, reply, verdict, conversation.

Values only: nothing here talks. What a reply means for recipient and route is judged elsewhere.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Phase(StrEnum):
    """How far the attempt had come when its outcome was settled."""

    dns = "dns"
    connect = "connect"
    banner = "banner"
    ehlo = "ehlo"
    starttls = "starttls"
    auth = "auth"
    mail = "mail"
    rcpt = "rcpt"
    data = "data"
    end_of_data = "end-of-data"
    quit = "quit"


class Verdict(StrEnum):
    accepted = "accepted"
    deferred = "deferred"
    refused = "refused"
    # The connection was lost after the end of data was sent: the receiver may have the letter.
    uncertain = "uncertain"


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply (RFC 5321 4.2).

    `text` is all of it after the codes of its lines, lines joined by a newline, without control
    characters; `enhanced` is the status code that begins it (RFC 3463), "" if there is none.
    """

    code: int
    enhanced: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt. `reply` is None when the reason is ours or the network's, not the receiver's.

    `reason` is a short code: "smtp-reply" when the receiver said it, else one of
    "connection-refused", "connection-failed", "connection-lost", "timeout", "protocol-error",
    "tls-required", "tls-failed", "auth-failed", "no-such-domain", "null-mx", "no-mail-host",
    "dns-failure", "relay-unresolvable", "no-usable-address", "source-unusable",
    "refused-destination", "smtputf8-not-offered", "too-large", "unsafe-address", "unsafe-content",
    "build-failed", "internal-error".
    "sts-mismatch", "sts-tls-failed", "dane-failed" stand for what MTA-STS or DANE forbade.
    `tls` is "" or protocol, cipher and how the host was verified: "none", "pkix", "pkix (sts)" or
    "dane". `conversation` has one line for each command ("C: "),
    reply ("S: ") and event ("-- "), each after its offset in milliseconds.
    """

    verdict: Verdict
    phase: Phase
    reply: Reply | None
    reason: str
    mx_host: str
    mx_address: str
    tls: str
    started: datetime
    seconds: float
    conversation: str


# RFC 3463 section 2: class "." subject "." detail, at the beginning of the text (RFC 2034).
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")
# C0 without newline and tab, DEL, C1: they break terminals, and PostgreSQL takes no NUL.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Characters of one conversation. A host whose every reply has thousands of lines fills no database.
LONGEST_TALK = 64 * 1024


def read_reply(code: int, text: str) -> Reply:
    """A reply from its code and its text, in which undecodable octets may be lone surrogates."""
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
    enhanced = _ENHANCED.match(text)
    return Reply(code, enhanced[1] if enhanced else "", text)


def verdict_of(reply: Reply) -> Verdict:
    """What the first digit says (RFC 5321 4.2.1)."""
    if 500 <= reply.code < 600:
        return Verdict.refused
    return Verdict.accepted if 200 <= reply.code < 300 else Verdict.deferred


class Conversation:
    """The lines of one attempt as they happen; `started` is when it began."""

    __slots__ = ("_begun", "_lines", "_room", "started")

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self._begun = time.monotonic()
        self._lines: list[str] = []
        self._room = LONGEST_TALK

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begun

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def said(self, command: str) -> None:
        self._note("C:", command)

    def heard(self, reply: Reply) -> None:
        *earlier, last = reply.text.split("\n")
        for line in earlier:
            self._note("S:", f"{reply.code}-{line}")
        self._note("S:", f"{reply.code} {last}")

    def event(self, words: str) -> None:
        # Words of libraries may quote what a host has sent.
        self._note("--", _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", words))

    def _note(self, mark: str, words: str) -> None:
        if self._room <= 0:
            return
        line = f"+{self.seconds * 1000:.0f}ms {mark} {words}"
        self._room -= len(line)
        self._lines.append(line if self._room > 0 else "-- the rest is left out, it is too long")

    def outcome(
        self,
        verdict: Verdict,
        phase: Phase,
        reason: str,
        *,
        reply: Reply | None = None,
        host: str = "",
        address: str = "",
        tls: str = "",
    ) -> Outcome:
        """End it; the lines and times so far become part of the outcome."""
        return Outcome(
            verdict,
            phase,
            reply,
            reason,
            mx_host=host,
            mx_address=address,
            tls=tls,
            started=self.started,
            seconds=self.seconds,
            conversation=self.text,
        )
