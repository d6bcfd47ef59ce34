"""An HTTPS server on loopback that says what a test tells it, with a certificate of its choice."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.support.tls import authority

ENFORCE = "version: STSv1\r\nmode: enforce\r\nmx: mx1.example\r\nmax_age: 86400\r\n"
HOST = "127.0.9.80"


def page(body: str, *, status: str = "200 OK", kind: str = "text/plain; charset=utf-8") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n"
    return f"{head}Location: https://elsewhere.example/\r\n\r\n{body}".encode()


@dataclass
class Site:
    """What it says: octets, None for silence. `requests` are those it heard."""

    answer: bytes | None = field(default_factory=lambda: page(ENFORCE))
    port: int = 0
    requests: list[str] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if self.answer is None:
                await asyncio.sleep(60)
            writer.write(self.answer or b"")
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def site(name: str = "mta-sts.shop.example") -> AsyncIterator[Site]:
    """Listening on HOST; the certificate is for `name`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(name).configure_cert(context)
    opened = Site()
    server = await asyncio.start_server(opened.serve, HOST, 0, ssl=context)
    opened.port = server.sockets[0].getsockname()[1]
    try:
        yield opened
    finally:
        server.close()
        for task in opened.tasks:
            task.cancel()
        await asyncio.gather(*opened.tasks, return_exceptions=True)
        await asyncio.sleep(0.01)
