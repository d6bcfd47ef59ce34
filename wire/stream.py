"""SMTP replies in order, over a connection that aiosmtplib has opened.

aiosmtplib reads one reply for one command. With pipelining (RFC 2920) several commands are under
way, so from here on we read ourselves: every reply is paired with the command it answers, and a
reply that answers none breaks the connection.
"""

import asyncio
import re
from collections import deque
from typing import cast

from wire.outcomes import Reply, read_reply

# As aiosmtplib: generous over any real reply, and a bound for endless ones. Octets.
MAX_LINE = 8192
MAX_REPLY = 4 * MAX_LINE
# "250", "250 text", "250-text"; a tab is no worse than a space (RFC 5321 4.2).
_LINE = re.compile(rb"[0-9]{3}(?:[- \t\r]|$)")


class StreamBroken(Exception):
    """No reply will come any more; `reason` is connection-lost, timeout or protocol-error."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ReplyStream(asyncio.Protocol):
    """Takes over an open transport. One reader; `send` says how many replies it expects."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._size = 0
        self._replies: deque[Reply] = deque()
        self._expected = 0  # replies that commands sent so far have yet to get
        self._waiter: asyncio.Future[None] | None = None
        self._broken = ""
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether a command may be sent."""
        return not self._broken and not self._transport.is_closing()

    @property
    def has_reply(self) -> bool:
        return bool(self._replies) or bool(self._broken)

    @property
    def unsent(self) -> int:
        """Octets that the network has not taken yet."""
        return self._transport.get_write_buffer_size()

    def send(self, data: bytes, *, replies: int) -> None:
        """Write; StreamBroken when the connection is gone."""
        if not self.is_open:
            raise StreamBroken(self._broken or "connection-lost")
        self._expected += replies
        self._transport.write(data)

    async def reply(self, seconds: float) -> Reply:
        """The next reply; StreamBroken when there will be none, or not within `seconds`."""
        if not self._replies and not self._broken:
            await self._news(seconds)
        if self._replies:
            return self._replies.popleft()
        raise StreamBroken(self._broken)

    def abort(self) -> None:
        """Cut the connection."""
        self._break("connection-lost")

    async def _news(self, seconds: float) -> None:
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._break, "timeout")
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _break(self, reason: str) -> None:
        self._broken = self._broken or reason
        self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the transport calls.

    def connection_lost(self, exc: Exception | None) -> None:
        self._broken = self._broken or "connection-lost"
        self._wake()

    def eof_received(self) -> bool:
        self._broken = self._broken or "connection-lost"
        self._wake()
        return False

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return  # what comes after the end answers nothing
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if not self._take(line):
                return
        if len(self._buffer) > MAX_LINE:
            self._break("protocol-error")
        elif self._replies:
            self._wake()

    def _take(self, line: bytes) -> bool:
        """One line of a reply; False when it breaks the rules (RFC 5321 4.2)."""
        self._size += len(line)
        if not _LINE.match(line) or len(line) > MAX_LINE or self._size > MAX_REPLY:
            self._break("protocol-error")
            return False
        self._lines.append(line[4:].strip(b" \t\r"))
        if line[3:4] == b"-":
            return True
        return self._complete(int(line[:3]))

    def _complete(self, code: int) -> bool:
        text = b"\n".join(self._lines).decode("utf-8", "surrogateescape")
        self._lines.clear()
        self._size = 0
        if not self._expected:
            # A host may say 421 at any time; everything else answers a question nobody asked.
            self._break("connection-lost" if code == 421 else "protocol-error")
            return False
        self._expected -= 1
        self._replies.append(read_reply(code, text))
        return True


def take_over(transport: asyncio.BaseTransport | None) -> ReplyStream:
    """Read and write over this transport from now on."""
    # A cast, for uvloop's transports are not derived from asyncio's.
    return ReplyStream(cast("asyncio.Transport", transport))
