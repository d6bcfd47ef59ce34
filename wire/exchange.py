"""Commands and replies of transactions over one connection, paired and timed.

Three ways to say the same: one command after the other, the envelope in one piece (RFC 2920) with
DATA, or with the message as one chunk behind it (RFC 3030). The next envelope may follow behind a
message. The message itself waits for its recipient's reply: a host that refuses the recipient and
does not skip the chunk would take the message's text for commands.
"""

import asyncio
from collections.abc import Callable

from wire.calling import Broken
from wire.envelopes import End, Offers, Transaction, dot_stuffed, envelope, is_good, refusal
from wire.letters import Policy
from wire.outcomes import Conversation, Phase, Reply, Verdict
from wire.stream import ReplyStream, StreamBroken

# What fits into the socket's buffers at once. Of a longer message we wait until it has left before
# we end it: if the connection breaks before that, the receiver cannot have taken the letter.
AT_ONCE = 64 * 1024
# Seconds between looks at whether a long message has left.
POLL = 0.005


class Untried(Exception):
    """The connection ended before this letter's envelope was answered."""


class CalledBack(Exception):
    """The letter may not leave any more; the host has not been given its message."""


class Exchange:
    """The wire side of a session: it knows what is open and what reply is due."""

    def __init__(self, stream: ReplyStream, offers: Offers, policy: Policy) -> None:
        self.offers = offers
        self._stream = stream
        self._policy = policy
        self._envelope_open = False
        self._reset_due = False
        # A chunk is under way or was refused: what the host makes of its transaction is not said
        # (RFC 3030 section 2), so a RSET goes before the next envelope.
        self._chunk_open = False

    def announce(self, transaction: Transaction) -> None:
        """Write the envelope up to DATA, without waiting for anything."""
        if self._chunk_open:
            self.reset()
        lines = [*envelope(transaction, self.offers)]
        if not self._goes_as_chunk(transaction):
            lines.append(b"DATA")
        self._write(transaction, lines, Phase.mail)

    async def transact(
        self, transaction: Transaction, behind: Callable[[], None], may_leave: Callable[[], bool]
    ) -> End:
        """Bring an announced letter to its end. `behind` may announce the next one.

        `may_leave` is asked when the message's turn has come: CalledBack when it says no.
        """
        await self.clear()
        ask = self._answers if self.offers.pipelining else self._ask
        refused = await ask(transaction)
        if refused is None:
            # The envelope may have gone out minutes ago, behind a message to a slow host.
            if not may_leave():
                self._take_back(transaction)
                raise CalledBack
            if self._goes_as_chunk(transaction):
                return await self._hand_over_chunk(transaction, behind)
            return await self._hand_over(transaction, behind)
        if refused.reply is not None and refused.reply.code == 421:
            self._stream.abort()
        elif self.offers.pipelining:
            self.reset()
            behind()
        return refused

    def _goes_as_chunk(self, transaction: Transaction) -> bool:
        return self.offers.chunking and len(transaction.message) <= AT_ONCE

    def reset(self) -> None:
        """Take back an envelope that came to nothing; `clear` reads the answer."""
        try:
            self._stream.send(b"RSET\r\n", replies=1)
        except StreamBroken as error:
            raise Untried from error
        self._reset_due, self._envelope_open, self._chunk_open = True, False, False

    def _take_back(self, transaction: Transaction) -> None:
        if self._goes_as_chunk(transaction):
            self.reset()
        else:
            # After a 354 all is message until its end; only without one it is not delivered
            # (RFC 5321 4.1.1.4).
            self._stream.abort()

    async def clear(self) -> None:
        """Have no reply due and no envelope open; Untried when the host does not play along."""
        if self._chunk_open or (self._envelope_open and not self.offers.pipelining):
            self.reset()
        if not self._reset_due:
            return
        self._reset_due = False
        try:
            reply = await self._stream.reply(self._policy.command_timeout)
        except StreamBroken as error:
            raise Untried from error
        if reply.code // 100 != 2:
            raise Untried

    async def _answers(self, transaction: Transaction) -> End | None:
        """Read what the announced envelope got: the first refusal, or None."""
        refused: End | None = None
        phases = (Phase.mail, Phase.rcpt, Phase.data)
        for phase in phases[:2] if self._goes_as_chunk(transaction) else phases:
            reply = await self._hear(phase, transaction.talk)
            if refused is None and not is_good(phase, reply):
                refused = refusal(phase, reply)
            if reply.code == 421:
                return refused
        if refused is not None and phase is Phase.data and reply.code == 354:
            # DATA was let through although nobody is to get it: end it empty (RFC 2920 3.1).
            self._write(transaction, [b"."], Phase.data)
            await self._hear(Phase.data, transaction.talk)
        return refused

    async def _ask(self, transaction: Transaction) -> End | None:
        """One command after the other: the first refusal, or None."""
        mail, rcpt = envelope(transaction, self.offers)
        for phase, command in ((Phase.mail, mail), (Phase.rcpt, rcpt), (Phase.data, b"DATA")):
            self._write(transaction, [command], phase)
            reply = await self._hear(phase, transaction.talk)
            if not is_good(phase, reply):
                return refusal(phase, reply)
        return None

    async def _hand_over_chunk(self, transaction: Transaction, behind: Callable[[], None]) -> End:
        message = transaction.message
        self._envelope_open = False
        command = f"BDAT {len(message)} LAST"
        transaction.talk.said(command)
        transaction.talk.said(f"<{len(message)} octets>")
        transaction.is_handed_over = True
        self._put(b"%s\r\n%s" % (command.encode(), message), replies=1)
        self._chunk_open = True
        behind()
        reply = await self._read(Phase.end_of_data, self._policy.data_timeout)
        transaction.talk.heard(reply)
        return self._ended(Phase.end_of_data, reply)

    async def _hand_over(self, transaction: Transaction, behind: Callable[[], None]) -> End:
        stuffed = dot_stuffed(transaction.message)
        transaction.talk.said(f"<{len(stuffed)} octets>")
        self._envelope_open = False
        phase = Phase.end_of_data
        if len(stuffed) <= AT_ONCE:
            transaction.is_handed_over = True
            self._put(stuffed + b".\r\n", replies=1)
            if self.offers.pipelining:
                behind()
        else:
            phase = await self._pour(transaction, stuffed)
        reply = await self._read(phase, self._policy.data_timeout)
        transaction.talk.heard(reply)
        return self._ended(phase, reply)

    def _ended(self, phase: Phase, reply: Reply) -> End:
        """What the reply to the message means; Phase.data when it came before the message's end."""
        if reply.code == 421 or phase is Phase.data:
            self._stream.abort()  # the host is leaving, or answered early and waits for the rest
        if reply.code // 100 == 2 and phase is Phase.end_of_data:
            self._chunk_open = False
            return End(Verdict.accepted, phase, "smtp-reply", reply)
        return refusal(phase, reply)

    async def _pour(self, transaction: Transaction, stuffed: bytes) -> Phase:
        """Listens while it sends: a host may refuse, or leave, in the middle of a long letter."""
        self._put(stuffed, replies=1)
        try:
            async with asyncio.timeout(self._policy.data_timeout):
                while not self._stream.has_reply and self._stream.unsent:  # noqa: ASYNC110  no event tells
                    await asyncio.sleep(POLL)
        except TimeoutError:  # a host that does not read would hold us for ever
            raise Broken(Phase.data, "timeout") from None
        if self._stream.has_reply:
            return Phase.data
        transaction.is_handed_over = True
        self._put(b".\r\n", replies=0)
        return Phase.end_of_data

    def _write(self, transaction: Transaction, lines: list[bytes], phase: Phase) -> None:
        for line in lines:
            transaction.talk.said(line.decode())
        self._envelope_open = True
        self._put(b"\r\n".join([*lines, b""]), replies=len(lines), phase=phase)

    def _put(self, data: bytes, *, replies: int, phase: Phase = Phase.data) -> None:
        try:
            self._stream.send(data, replies=replies)
        except StreamBroken as error:
            raise Broken(phase, error.reason) from None

    async def _hear(self, phase: Phase, talk: Conversation) -> Reply:
        ends = phase is Phase.end_of_data
        reply = await self._read(
            phase, self._policy.data_timeout if ends else self._policy.command_timeout
        )
        talk.heard(reply)
        if not 200 <= reply.code < 600:
            raise Broken(phase, "protocol-error", reply)
        return reply

    async def _read(self, phase: Phase, seconds: float) -> Reply:
        try:
            return await self._stream.reply(seconds)
        except StreamBroken as error:
            raise Broken(phase, error.reason) from None
