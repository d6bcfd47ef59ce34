"""An SMTP server that is a dictionary: command line -> reply (after chasquid's fake server).

A key is a whole line ("RCPT TO:<a@x.example>") or its verb ("RCPT"); the whole line wins. "banner"
is said on connecting, "." after the end of data. A reply may have several lines; a list of replies
is used up one by one, its last one stays. HANG_UP closes without a word, SILENCE never answers.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

HANG_UP = "<hang up>"
SILENCE = "<silence>"
START_TLS = "<start tls>"

# Ways of a conversation to end that are no fault of the script; it is cancelled at the very end.
ENDINGS = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError)

Reply = str | list[str]

FRIENDLY: Mapping[str, Reply] = {
    "banner": "220 fake.example ESMTP",
    "EHLO": "250-fake.example\n250-8BITMIME\n250 SIZE 1000000",
    "MAIL": "250 2.1.0 OK",
    "RCPT": "250 2.1.5 OK",
    "DATA": "354 Go ahead",
    ".": "250 2.0.0 OK",
    "BDAT": "250 2.0.0 OK",
    "RSET": "250 2.0.0 OK",
    "QUIT": "221 2.0.0 Bye",
}


@dataclass
class Script:
    """A running server: what it heard, by connection, and from where."""

    replies: dict[str, Reply]
    context: ssl.SSLContext | None = None
    host: str = ""
    port: int = 0
    sessions: list[list[str]] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def lines(self) -> list[str]:
        return [line for session in self.sessions for line in session]

    def reply_to(self, line: str) -> str:
        verb = line.partition(" ")[0].upper()
        reply = self.replies.get(line, self.replies.get(verb, "502 What?"))
        if isinstance(reply, str):
            return reply
        return reply.pop(0) if len(reply) > 1 else reply[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: list[str] = []
        self.sessions.append(heard)
        self.peers.append(writer.get_extra_info("peername")[0])
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with contextlib.suppress(*ENDINGS):
                await self._converse(reader, writer, heard)
        finally:
            writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: list[str]
    ) -> None:
        line = "banner"
        while await self._answer(writer, self.reply_to(line)):
            if line == "DATA" and self._said_354:
                line = "."
                self.messages.append(await self._message(reader))
                continue
            line = (await reader.readuntil(b"\r\n")).decode().removesuffix("\r\n")
            heard.append(line)
            if line.startswith("BDAT"):
                self.messages.append(await reader.readexactly(int(line.split()[1])))

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        lines = []
        while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line)
        return b"".join(lines)

    async def _answer(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        self._said_354 = reply.startswith("354")
        if reply == HANG_UP:
            return False
        if reply == SILENCE:
            await asyncio.sleep(60)
        if reply == START_TLS:
            writer.write(b"220 Go ahead\r\n")
            await writer.start_tls(self.context)  # type: ignore[arg-type]
            return True
        writer.write(reply.replace("\n", "\r\n").encode("utf-8", "surrogateescape") + b"\r\n")
        await writer.drain()
        return not reply.startswith(("221", "421"))


@contextlib.asynccontextmanager
async def scripted(
    replies: Mapping[str, Reply] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[Script]:
    """A friendly server on a port of a loopback address, but for the replies given."""
    script = Script({**FRIENDLY, **(replies or {})}, context)
    server = await asyncio.start_server(script.serve, host, port, limit=2**24)
    script.host, script.port = server.sockets[0].getsockname()[:2]
    try:
        yield script
    finally:
        server.close()
        for task in script.tasks:
            task.cancel()
        await asyncio.gather(*script.tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports close in a later turn of the loop
