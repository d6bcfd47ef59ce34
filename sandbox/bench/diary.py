"""A sink that writes down what it takes and when: one line for each message and each connection.

Its own process, so that what is measured does not measure itself. All clocks are this machine's.
"""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from sandbox.bench.sinks import HOST, Sink, free_port, wait_for
from wire.sink import Ledger, serve

_ADDRESS = re.compile(r"<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Taken:
    """One message: when (seconds of time.time), from which IP, for whom."""

    at: float
    peer: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Opened:
    """From then on, so many connections of that IP were open."""

    at: float
    peer: str
    count: int


class Diary:
    """Reads what the sink has written so far."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def messages(self, *, since: float = 0.0) -> list[Taken]:
        """In order of time."""
        return [
            Taken(at, peer, "".join(_ADDRESS.findall(rest)[:1]))
            for kind, at, peer, rest in self._lines()
            if kind == "m" and at >= since
        ]

    def connections(self, *, since: float = 0.0) -> list[Opened]:
        return [
            Opened(at, peer, int(rest))
            for kind, at, peer, rest in self._lines()
            if kind == "c" and at >= since
        ]

    def _lines(self) -> Iterator[tuple[str, float, str, str]]:
        for line in self._path.read_text().splitlines():
            kind, at, peer, rest = line.split(" ", 3)
            yield kind, float(at), peer, rest


@contextmanager
def sink(path: Path) -> Iterator[tuple[Sink, Diary]]:
    """A running sink, and its diary at `path`."""
    port = free_port()
    command = [sys.executable, "-m", "sandbox.bench.diary", HOST, str(port), str(path)]
    process = subprocess.Popen(command)
    try:
        wait_for(HOST, port)
        yield Sink("hatobin sink with a diary", HOST, port), Diary(path)
    finally:
        process.terminate()
        process.wait()


def main(host: str, port: int, path: Path) -> None:
    """The sink's process."""
    with path.open("w", buffering=1) as file:

        def taken(peer: str, recipient: bytes) -> None:
            file.write(f"m {time.time():.4f} {peer} {recipient.decode(errors='replace')}\n")

        def opened(peer: str, count: int) -> None:
            file.write(f"c {time.time():.4f} {peer} {count}\n")

        async def run() -> None:
            server = await serve(host, port, Ledger(taken=taken, opened=opened))
            await server.serve_forever()

        asyncio.Runner(loop_factory=uvloop.new_event_loop).run(run())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
