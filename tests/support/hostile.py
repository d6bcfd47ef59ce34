"""A mail host that does whatever a test writes down, octet by octet, beside one that behaves.

A host is a list of steps: octets are said, LINE waits for a line of the client, and what can be
called is called with reader and writer.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from tests.support.names import nameserver
from tests.support.post import Post, carry, letter
from tests.support.smtp_script import scripted
from wire.outcomes import Outcome

LINE = "<a line>"
Step = bytes | str | Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

BAD, GOOD = "127.0.9.1", "127.0.9.2"
NAMES = (f"bad.example A {BAD}", f"good.example A {GOOD}")
HELLO = b"220 bad.example ESMTP\r\n"


def opened(*offers: str) -> list[Step]:
    """Banner and EHLO are done; what follows is what the host does with a letter."""
    lines = ["bad.example", *offers]
    text = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
    return [HELLO, LINE, text.encode()]


def said(*replies: str) -> list[Step]:
    """Each after a line of the client."""
    return [step for reply in replies for step in (LINE, f"{reply}\r\n".encode())]


def dribbled(octets: bytes, *, pause: float = 0.02) -> Step:
    """One octet at a time, again and again."""

    async def step(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            for octet in octets:
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(pause)

    return step


def flood(octets: bytes) -> Step:
    """As much as the client takes."""

    async def step(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(octets * 500)
            await writer.drain()

    return step


async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def listening(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read until the client has gone."""
    while await reader.read(65_536):
        pass


@contextlib.asynccontextmanager
async def hostile(*steps: Step, host: str = BAD, limit: int = 2**14) -> AsyncIterator[int]:
    """The port on which it listens."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            for step in steps:
                await take(step, reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(serve, host, 0, limit=limit)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)


async def take(step: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if isinstance(step, bytes):
        writer.write(step)
        await writer.drain()
    elif isinstance(step, str):
        await reader.readline()
    else:
        await step(reader, writer)


async def attacked(*steps: Step, seconds: float = 2.0, **terms) -> Outcome:
    """What became of a letter to that host; another, to a good host, must arrive meanwhile.

    `message` and `tls` are the letter's, other terms the policy's. The whole round must end within
    `seconds`, though each wait may last 0.3.
    """
    given = {"command_timeout": 0.3, "data_timeout": 0.3, "connect_timeout": 0.3, **terms}
    changes = {name: given.pop(name) for name in ("message", "tls") if name in given}
    batch = [letter("a@bad.example", **changes), letter("b@good.example", key=2)]
    begun = time.monotonic()
    async with hostile(*steps) as port, scripted(host=GOOD, port=port), nameserver(*NAMES) as names:
        post: Post = await asyncio.wait_for(
            carry(batch, names=names.address, port=port, **given), seconds
        )
    assert time.monotonic() - begun < seconds + 0.5
    assert post["b@good.example"].verdict.value == "accepted"
    assert post.left == []
    return post["a@bad.example"]
