"""A host that takes all mail and keeps none: for benchmarks and failure drills.

One protocol object per connection, no tasks: it must be faster than what it measures. It counts
messages, and remembers Message-IDs when asked to, so that duplicates can be told. It can leave in
the middle: `drop` of all messages are dropped, unanswered, right after their end. It can refuse
recipients, depending on who asks.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import cast

_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
_GREETING = b"220 sink.example ESMTP\r\n"
_OFFERS = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n"
_END = b"\r\n.\r\n"


@dataclass(slots=True)
class Ledger:
    """What all connections of a sink have in common."""

    keep_ids: bool = False
    drop: float = 0.0  # share of messages that are taken, but not answered
    chance: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - repeatable
    messages: int = 0
    connections: int = 0
    ids: Counter[bytes] = field(default_factory=Counter)
    dropped: Counter[bytes] = field(default_factory=Counter)  # of these, how often unanswered
    # Told of each message that is answered with yes: the client's address, the RCPT command.
    taken: Callable[[str, bytes], None] | None = None
    # Told of each change: the client's address, how many connections it has open now.
    opened: Callable[[str, int], None] | None = None
    open: Counter[str] = field(default_factory=Counter)
    # Asked at each RCPT, with the client's address: the reply that refuses, without its line end.
    refuses: Callable[[str], bytes] | None = None


class Connection(asyncio.Protocol):
    """One client. Knows just the commands that a sender uses."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._buffer = bytearray()
        self._in_data = False
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._recipient = b""
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, for uvloop's transports are not derived from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._ledger.connections += 1
        self._peer = transport.get_extra_info("peername")[0]
        self._count(1)
        self._write(_GREETING)

    def connection_lost(self, exc: Exception | None) -> None:
        self._count(-1)

    def _count(self, change: int) -> None:
        ledger = self._ledger
        ledger.open[self._peer] += change
        if ledger.opened is not None:
            ledger.opened(self._peer, ledger.open[self._peer])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer and (self._message() if self._in_data else self._command()):
            pass

    def _command(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        verb = bytes(self._buffer[:4]).upper()
        if verb == b"RCPT" and self._ledger.taken is not None:
            self._recipient = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if self._refuse(verb):
            return True
        if verb == b"DATA":
            self._in_data = True
            # The search for the end begins with the line end of DATA: a message may be empty.
            self._buffer[:0] = b"\r\n"
            self._write(b"354 go on\r\n")
        elif verb in (b"EHLO", b"HELO"):
            self._write(_OFFERS)
        elif verb == b"QUIT":
            self._write(b"221 bye\r\n")
            self._close()
            return False
        else:
            self._write(b"250 ok\r\n")
        return True

    def _refuse(self, verb: bytes) -> bool:
        """A refused recipient, and the DATA that a pipelining client sent behind it."""
        if verb == b"RCPT" and self._ledger.refuses is not None:
            reply = self._ledger.refuses(self._peer)
            self._is_refused = bool(reply)
            if reply:
                self._write(reply + b"\r\n")
                return True
        if verb == b"DATA" and self._is_refused:
            self._write(b"503 5.5.1 no valid recipients\r\n")
            return True
        return False

    def _message(self) -> bool:
        end = self._buffer.find(_END)
        if end < 0:
            return False
        ledger = self._ledger
        found = _MESSAGE_ID.search(self._buffer, 0, end + 2) if ledger.keep_ids else None
        identity = found[1] if found else None  # read before the buffer changes under it
        ledger.messages += 1
        del self._buffer[: end + len(_END)]
        self._in_data = False
        is_dropped = bool(ledger.drop) and ledger.chance.random() < ledger.drop
        if identity is not None:
            ledger.ids[identity] += 1
            ledger.dropped[identity] += is_dropped
        if is_dropped:
            self._close()
            return False
        if ledger.taken is not None:
            ledger.taken(self._peer, self._recipient)
        self._write(b"250 ok\r\n")
        return True

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def serve(host: str, port: int, ledger: Ledger) -> asyncio.Server:
    """Listen until the server is closed; port 0 takes a free one."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(ledger), host, port, backlog=1024)
