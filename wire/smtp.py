"""One SMTP connection: opened to one address of one host, given letters one after the other.

Knows RFC 5321, 1870, 6152, 6531 by aiosmtplib; knows nothing of MX records or of other
connections. A session is never used again after a timeout, a lost connection or a broken reply:
a late reply would be taken for the answer to the next command.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import aiosmtplib
from aiosmtplib.protocol import PERIOD_REGEX, SMTPProtocol, normalize_message_line_endings

from wire.calling import Broken, Caller, Door, broken, cipher_of, hang_up
from wire.letters import Letter, Policy, Source
from wire.outcomes import (
    Conversation,
    Outcome,
    Phase,
    Reply,
    Verdict,
    read_reply,
    verdict_of,
)

# What fits into the socket's buffers at once. Of a longer message we wait until it has left before
# we end it: if the connection breaks before that, the receiver cannot have taken the letter.
AT_ONCE = 64 * 1024
# The letters are done when we say QUIT; nobody should wait for a host that is slow to answer it.
QUIT_TIMEOUT = 5.0
# Seconds between looks at whether a long message has left.
POLL = 0.005


@dataclass(frozen=True, slots=True)
class _End:
    """How one transaction ended."""

    verdict: Verdict
    phase: Phase
    reason: str
    reply: Reply | None = None


async def open_session(
    door: Door,
    *,
    source: Source,
    policy: Policy,
    context: ssl.SSLContext,
    talk: Conversation,
) -> "Session | Outcome":
    """Connect, greet, encrypt and log in. An outcome says why it came to nothing."""
    try:
        client = await Caller(door, source, policy, context, talk).call()
    except Broken as end:
        talk.event(f"{end.reason} at {end.phase}")
        return talk.outcome(
            _verdict_when_shut_out(end),
            end.phase,
            end.reason,
            reply=end.reply,
            host=door.host,
            address=door.address,
        )
    return Session(door, client, policy, talk)


class Session:
    """An open connection; `tls` is "" or protocol and cipher."""

    def __init__(
        self, door: Door, client: aiosmtplib.SMTP, policy: Policy, talk: Conversation
    ) -> None:
        self.door = door
        self.tls = cipher_of(client)
        self._client = client
        self._transport = client.transport
        self._policy = policy
        # The first letter's conversation begins with the opening of the connection.
        self._opening: Conversation | None = talk
        self._delivered = 0
        self._envelope_open = False

    async def is_ready(self) -> bool:
        """Whether one more letter may be given; clears away what a refused one left (RSET)."""
        if not self._client.is_connected:
            return False
        if self._delivered >= self._policy.messages_per_connection:
            return False
        if self._envelope_open:
            try:
                await self._client.rset()
            except (aiosmtplib.SMTPException, OSError):
                return False
            self._envelope_open = False
        return True

    async def deliver(self, letter: Letter) -> Outcome:
        """One transaction. Afterwards ask `is_ready` before the next one."""
        talk = self._conversation()
        self._delivered += 1
        try:
            end = await self._transact(letter, talk)
        except Broken as broke:
            self.abort()
            talk.event(f"{broke.reason} at {broke.phase}")
            end = _End(_verdict_when(broke), broke.phase, broke.reason, broke.reply)
        except BaseException:
            self.abort()  # cancelled in the middle: no reply can be paired with a command any more
            raise
        return talk.outcome(
            end.verdict,
            end.phase,
            end.reason,
            reply=end.reply,
            host=self.door.host,
            address=self.door.address,
            tls=self.tls,
        )

    async def close(self) -> None:
        """Say QUIT and hang up; errors no longer matter."""
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await self._client.quit(timeout=min(QUIT_TIMEOUT, self._policy.command_timeout))
        self.abort()

    def abort(self) -> None:
        """Hang up without a word."""
        hang_up(self._client, self._transport)

    def _conversation(self) -> Conversation:
        talk, self._opening = self._opening, None
        if talk is None:
            talk = Conversation()
            security = self.tls or "no TLS"
            talk.event(f"letter {self._delivered + 1} on this connection, {security}")
        return talk

    async def _transact(self, letter: Letter, talk: Conversation) -> _End:
        try:
            message = normalize_message_line_endings(letter.build())
        except Exception as error:  # noqa: BLE001  one bad letter must not take down the others
            talk.event(f"the message could not be built: {error!r}")
            return _End(Verdict.deferred, Phase.mail, "build-failed")
        if (obstacle := self._obstacle(letter, message)) is not None:
            return obstacle
        for phase, command in self._envelope(letter, message):
            reply = await self._say(phase, command, talk)
            if reply.code // 100 != 2:
                return _refusal(phase, reply)
        reply = await self._say(Phase.data, b"DATA", talk)
        if reply.code != 354:
            return _refusal(Phase.data, reply)
        return await self._hand_over(PERIOD_REGEX.sub(b"..", message), talk)

    def _obstacle(self, letter: Letter, message: bytes) -> _End | None:
        """What the host's EHLO rules out, found before anything is sent."""
        if _needs_utf8(letter) and not self._client.supports_extension("smtputf8"):
            return _End(Verdict.refused, Phase.mail, "smtputf8-not-offered")
        limit = self._client.esmtp_extensions.get("size", "")
        # "SIZE" or "SIZE 0" sets no limit (RFC 1870 section 4).
        if limit.isdecimal() and 0 < int(limit) < len(message):
            return _End(Verdict.refused, Phase.mail, "too-large")
        return None

    def _envelope(self, letter: Letter, message: bytes) -> Iterator[tuple[Phase, bytes]]:
        offers = self._client.supports_extension
        options = ""
        if offers("size"):
            options += f" SIZE={len(message)}"
        if offers("8bitmime") and not message.isascii():
            options += " BODY=8BITMIME"
        if _needs_utf8(letter):
            options += " SMTPUTF8"
        yield Phase.mail, f"MAIL FROM:<{letter.sender}>{options}".encode()
        yield Phase.rcpt, f"RCPT TO:<{letter.recipient}>".encode()

    async def _say(self, phase: Phase, command: bytes, talk: Conversation) -> Reply:
        talk.said(command.decode())
        self._envelope_open = True
        try:
            answer = await self._client.execute_command(command)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise broken(phase, error) from error
        reply = read_reply(*answer)
        talk.heard(reply)
        if not 200 <= reply.code < 600:
            raise Broken(phase, "protocol-error", reply)
        return reply

    async def _hand_over(self, stuffed: bytes, talk: Conversation) -> _End:
        protocol = self._client.protocol
        if protocol is None:
            raise Broken(Phase.data, "connection-lost")
        talk.said(f"<{len(stuffed)} octets>")
        if len(stuffed) <= AT_ONCE:
            phase, reply = await self._put_at_once(protocol, stuffed)
        else:
            phase, reply = await self._pour(protocol, stuffed)
        talk.heard(reply)
        if reply.code == 421 or phase is Phase.data:
            self.abort()  # the host is leaving, or answered early and still waits for the rest
        self._envelope_open = False
        if reply.code // 100 == 2 and phase is Phase.end_of_data:
            return _End(Verdict.accepted, phase, "smtp-reply", reply)
        return _refusal(phase, reply)

    async def _put_at_once(self, protocol: SMTPProtocol, stuffed: bytes) -> tuple[Phase, Reply]:
        phase = Phase.data
        try:
            protocol.write(stuffed + b".\r\n")
            phase = Phase.end_of_data
            answer = await protocol.read_response(timeout=self._policy.data_timeout)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise broken(phase, error) from error
        return phase, read_reply(*answer)

    async def _pour(self, protocol: SMTPProtocol, stuffed: bytes) -> tuple[Phase, Reply]:
        """Listens while it sends: a host may refuse, or leave, in the middle of a long letter."""
        phase = Phase.data
        listening = asyncio.create_task(protocol.read_response(timeout=self._policy.data_timeout))
        try:
            protocol.write(stuffed)
            while not listening.done() and _has_unsent(protocol):  # noqa: ASYNC110  no event tells
                await asyncio.sleep(POLL)
            if not listening.done():
                protocol.write(b".\r\n")
                phase = Phase.end_of_data
            answer = await listening
        except (aiosmtplib.SMTPException, OSError) as error:
            raise broken(phase, error) from error
        finally:
            listening.cancel()
        return phase, read_reply(*answer)


def _refusal(phase: Phase, reply: Reply) -> _End:
    if not 400 <= reply.code < 600:
        raise Broken(phase, "protocol-error", reply)  # an answer to another question than ours
    return _End(verdict_of(reply), phase, "smtp-reply", reply)


def _verdict_when_shut_out(end: Broken) -> Verdict:
    """A refusal by the host stands for all its letters; all else is worth another try."""
    if end.reply is None or end.reason != "smtp-reply":
        return Verdict.deferred
    return verdict_of(end.reply)


def _verdict_when(broke: Broken) -> Verdict:
    return Verdict.uncertain if broke.phase is Phase.end_of_data else Verdict.deferred


def _needs_utf8(letter: Letter) -> bool:
    return letter.needs_smtputf8 or not (letter.sender + letter.recipient).isascii()


def _has_unsent(protocol: SMTPProtocol) -> bool:
    # A cast, for uvloop's transports are not derived from asyncio's.
    transport = cast("asyncio.WriteTransport | None", protocol.transport)
    return transport is not None and transport.get_write_buffer_size() > 0
