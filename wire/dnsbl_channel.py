"""Questions to one nameserver: UDP from many source ports, TCP where an answer does not fit.

A task, a future and a socket for each question would cost more than the question. Here a few
connected sockets carry all of them, and one future a batch; ids are random, sockets are chosen at
random and replaced after a thousand questions, so an answer cannot be guessed from outside
(RFC 5452).
"""

import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Sequence
from ipaddress import ip_address

from wire import dnsbl_packets as packets
from wire.dnsbl_packets import Broken, Reply, Silent, Truncated

SOCKETS = 8
QUESTIONS_A_SOCKET = 1000
RECEIVE_BUFFER = 1 << 20  # octets; a burst of answers must find room while Python is busy
LARGEST = 65_535
AT_ONCE = 64  # datagrams read before other sockets get their turn


class _Batch:
    """Questions that are waited for together; each has its place."""

    __slots__ = ("future", "left", "questions", "replies")

    def __init__(self, questions: Sequence[bytes], future: asyncio.Future[None]) -> None:
        self.questions = questions
        self.replies: list[Reply] = [_LOST] * len(questions)
        self.left = len(questions)
        self.future = future

    def take(self, place: int, reply: Reply) -> None:
        self.replies[place] = reply
        self.left -= 1
        if not self.left and not self.future.done():
            self.future.set_result(None)


_LOST = Silent("the channel was closed")
# Who waits for an answer, its place in the batch, until when.
_Waiting = tuple[_Batch, int, float]


class _Port:
    """One socket, and what waits on it by id (two octets), the oldest first."""

    def __init__(self, server: tuple[str, int], loop: asyncio.AbstractEventLoop) -> None:
        family = socket.AF_INET6 if ip_address(server[0]).version == 6 else socket.AF_INET
        self.waiting: dict[bytes, _Waiting] = {}
        self.asked = 0
        self.socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.connect(server)  # datagrams from elsewhere are not even seen
        self._loop = loop
        loop.add_reader(self.socket.fileno(), self._read)

    def send(self, batch: _Batch, deadline: float) -> None:
        waiting, send, chance = self.waiting, self.socket.send, os.urandom(2 * len(batch.questions))
        self.asked += len(batch.questions)
        for place, question in enumerate(batch.questions):
            ident = chance[2 * place : 2 * place + 2]
            while ident in waiting:
                ident = os.urandom(2)
            waiting[ident] = (batch, place, deadline)
            try:
                send(packets.query(ident, question))
            except BlockingIOError:
                continue  # a full buffer loses it, as the network may: it is asked again
            except OSError as error:
                del waiting[ident]
                batch.take(place, Silent(f"cannot be reached ({error.strerror})"))

    def expire(self, now: float, reply: Reply) -> None:
        """All questions wait equally long, so the oldest is the first to be given up."""
        while self.waiting:
            ident, (batch, place, deadline) = next(iter(self.waiting.items()))
            if deadline > now:
                return
            del self.waiting[ident]
            batch.take(place, reply)

    def close(self) -> None:
        self._loop.remove_reader(self.socket.fileno())
        self.socket.close()
        self._fail(_LOST)

    def _read(self) -> None:
        waiting, receive = self.waiting, self.socket.recv
        for _ in range(AT_ONCE):
            try:
                data = receive(LARGEST)
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(Silent(f"nobody listens there ({error.strerror})"))
                return
            ident = data[:2]
            if (held := waiting.get(ident)) is None:
                continue
            batch, place, _ = held
            reply = packets.read(data, batch.questions[place])
            if reply is not None:
                del waiting[ident]
                batch.take(place, reply)

    def _fail(self, reply: Reply) -> None:
        held = list(self.waiting.values())
        self.waiting.clear()
        for batch, place, _ in held:
            batch.take(place, reply)


class Channel:
    """Asks one nameserver (IP address, port), within a running event loop.

    `timeout` in seconds is for one datagram, or one TCP exchange; `window` bounds the questions
    that are on their way at once.
    """

    def __init__(self, server: tuple[str, int], *, timeout: float, window: int) -> None:
        self._server = server
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._free = self._window = window
        self._queue: deque[asyncio.Future[None]] = deque()
        self._ports = [_Port(server, self._loop) for _ in range(SOCKETS)]
        self._leaving: list[_Port] = []
        self._timer = self._loop.call_later(timeout / 8, self._expire)
        self._too_late = Silent(f"no answer within {timeout:g} s")

    async def ask(self, questions: Sequence[bytes]) -> list[Reply]:
        """One reply for each question, in their order, after all are there.

        Never raises for what a network may do; such a reply is Silent or Broken.
        """
        replies: list[Reply] = []
        for start in range(0, len(questions), self._window):
            replies += await self._ask_some(questions[start : start + self._window])
        return replies

    def close(self) -> None:
        self._timer.cancel()
        for port in (*self._ports, *self._leaving):
            port.close()

    async def _ask_some(self, questions: Sequence[bytes]) -> list[Reply]:
        while self._free < len(questions):
            turn: asyncio.Future[None] = self._loop.create_future()
            self._queue.append(turn)
            await turn
        self._free -= len(questions)
        try:
            batch = _Batch(questions, self._loop.create_future())
            self._port().send(batch, self._loop.time() + self._timeout)
            await batch.future
            replies = batch.replies
            for place, reply in enumerate(replies):
                if isinstance(reply, Truncated):
                    replies[place] = await self._ask_tcp(questions[place])
        finally:
            self._free += len(questions)
            self._wake()
        return replies

    def _wake(self) -> None:
        """All who wait look again: how many fit depends on their sizes."""
        queue, self._queue = self._queue, deque()
        for turn in queue:
            if not turn.done():
                turn.set_result(None)

    def _port(self) -> _Port:
        """A batch leaves from one of the ports, nobody knows which."""
        number = os.urandom(1)[0] % SOCKETS
        port = self._ports[number]
        if port.asked >= QUESTIONS_A_SOCKET:
            self._leaving.append(port)
            port = self._ports[number] = _Port(self._server, self._loop)
        return port

    def _expire(self) -> None:
        now = self._loop.time()
        for port in (*self._ports, *self._leaving):
            port.expire(now, self._too_late)
        for port in [port for port in self._leaving if not port.waiting]:
            self._leaving.remove(port)
            port.close()
        self._timer = self._loop.call_later(self._timeout / 8, self._expire)

    async def _ask_tcp(self, question: bytes) -> Reply:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(question)
        except TimeoutError:
            return self._too_late
        except (OSError, asyncio.IncompleteReadError) as error:
            return Silent(f"TCP failed ({type(error).__name__})")

    async def _exchange(self, question: bytes) -> Reply:
        """RFC 7766: a length before each message."""
        reader, writer = await asyncio.open_connection(*self._server)
        try:
            sent = packets.query(os.urandom(2), question)
            writer.write(struct.pack("!H", len(sent)) + sent)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            data = await reader.readexactly(length)
        finally:
            writer.close()
        reply = packets.read(data, question) if data[:2] == sent[:2] else None
        if reply is None or isinstance(reply, Truncated):
            return Broken("over TCP it answers another question, or not in full")
        return reply
