"""One letter's transaction on paper: what is said, what the host's offers rule out, how it ends."""

import re
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib.protocol import normalize_message_line_endings

from wire.calling import Broken
from wire.letters import Letter
from wire.outcomes import Conversation, Phase, Reply, Verdict, verdict_of

# RFC 1870 section 3.
_SIZE = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class End:
    """How one transaction ended."""

    verdict: Verdict
    phase: Phase
    reason: str
    reply: Reply | None = None


@dataclass(slots=True)
class Transaction:
    """A letter that a session has begun with. `end` is set when it ended before the wire."""

    letter: Letter
    talk: Conversation
    message: bytes = b""
    end: End | None = None
    # Another letter went before it: if the connection is gone by now, that tells nothing of this.
    may_come_back: bool = False
    is_handed_over: bool = False  # all of it: the receiver may have it


@dataclass(frozen=True, slots=True)
class Offers:
    """What the host's last EHLO offered."""

    size: int  # octets; 0: no limit, -1: not offered
    eight_bit: bool
    utf8: bool
    pipelining: bool
    chunking: bool


def offers_of(client: aiosmtplib.SMTP) -> Offers:
    """Read the answer to EHLO (RFC 1870, 2920, 3030, 6152, 6531)."""
    offers = client.supports_extension
    limit = client.esmtp_extensions.get("size", "")
    # "SIZE" or "SIZE 0" sets no limit (RFC 1870 section 4), nor does what is no size: int() takes
    # no thousands of digits.
    size = int(limit) if _SIZE.fullmatch(limit) else 0
    return Offers(
        size=size if offers("size") else -1,
        eight_bit=offers("8bitmime"),
        utf8=offers("smtputf8"),
        pipelining=offers("pipelining"),
        # A host that does not let commands follow each other is spared this as well.
        chunking=offers("chunking") and offers("pipelining"),
    )


def obstacle(letter: Letter, message: bytes, offers: Offers) -> End | None:
    """What the offers rule out, found before anything is sent."""
    if needs_utf8(letter) and not offers.utf8:
        return End(Verdict.refused, Phase.mail, "smtputf8-not-offered")
    if b"\x00" in message:
        # Some hosts drop NUL, and with it what kept a dot from ending the data (RFC 5321 2.4).
        return End(Verdict.refused, Phase.mail, "unsafe-content")
    if 0 < offers.size < len(message):
        return End(Verdict.refused, Phase.mail, "too-large")
    return None


def envelope(transaction: Transaction, offers: Offers) -> tuple[bytes, bytes]:
    """MAIL and RCPT, without their line ends."""
    letter, options = transaction.letter, ""
    if offers.size >= 0:
        options += f" SIZE={len(transaction.message)}"
    if offers.eight_bit and not transaction.message.isascii():
        options += " BODY=8BITMIME"
    if needs_utf8(letter):
        options += " SMTPUTF8"
    mail = f"MAIL FROM:<{letter.sender}>{options}"
    return mail.encode(), f"RCPT TO:<{letter.recipient}>".encode()


def with_crlf(message: bytes) -> bytes:
    """The message with CRLF at every line's end (RFC 5321 2.3.8): no bare CR or LF gets out."""
    ends = message.count(b"\r\n")
    if ends == message.count(b"\n") == message.count(b"\r") and message.endswith(b"\r\n"):
        return message
    return normalize_message_line_endings(message)


def dot_stuffed(message: bytes) -> bytes:
    """For DATA (RFC 5321 4.5.2); `message` has been through `with_crlf`."""
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def needs_utf8(letter: Letter) -> bool:
    return letter.needs_smtputf8 or not (letter.sender + letter.recipient).isascii()


def is_good(phase: Phase, reply: Reply) -> bool:
    """Whether the transaction goes on after this reply."""
    return reply.code == 354 if phase is Phase.data else reply.code // 100 == 2


def refusal(phase: Phase, reply: Reply) -> End:
    """The end by a 4xx or 5xx; Broken for an answer to another question than ours."""
    if not 400 <= reply.code < 600:
        raise Broken(phase, "protocol-error", reply)
    return End(verdict_of(reply), phase, "smtp-reply", reply)


def shut_out(end: Broken) -> Verdict:
    """A refusal by the host stands for all its letters; all else is worth another try."""
    if end.reply is None or end.reason != "smtp-reply":
        return Verdict.deferred
    return verdict_of(end.reply)


def is_stale(broke: Broken) -> bool:
    """Whether the connection was gone before anything was said to this letter."""
    return broke.phase is Phase.mail and broke.reply is None and broke.reason == "connection-lost"


def cut_off(broke: Broken) -> End:
    """The connection was lost: after the end of data the receiver may have the letter."""
    verdict = Verdict.uncertain if broke.phase is Phase.end_of_data else Verdict.deferred
    return End(verdict, broke.phase, broke.reason, broke.reply)


def unforeseen(transaction: Transaction) -> End:
    """A fault of our own, or one that only this host brings to light."""
    if transaction.is_handed_over:
        return End(Verdict.uncertain, Phase.end_of_data, "protocol-error")
    return End(Verdict.deferred, Phase.mail, "protocol-error")
