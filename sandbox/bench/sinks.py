"""Where a benchmark's mail goes: Postfix's smtp-sink when it is installed, else our own."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop

from wire.sink import Ledger, serve

HOST = "127.0.9.9"


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink."""

    name: str
    host: str
    port: int


@contextmanager
def sink() -> Iterator[Sink]:
    """One process that takes everything and answers at once."""
    port = free_port()
    found = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/sbin:/bin")
    command = [sys.executable, "-m", "sandbox.bench.sinks", HOST, str(port)]
    if found:
        account = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [found, *account, f"{HOST}:{port}", "1000"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(HOST, port)
        yield Sink("smtp-sink" if found else "hatobin sink", HOST, port)
    finally:
        process.terminate()
        process.wait()


def free_port(host: str = HOST) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def wait_for(host: str, port: int, *, seconds: float = 10.0) -> None:
    """Until somebody listens; TimeoutError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Nobody listens on {host}:{port}.") from None
            time.sleep(0.05)
        else:
            return


def main(host: str, port: int) -> None:
    """Our own sink, in a process of its own."""

    async def run() -> None:
        server = await serve(host, port, Ledger())
        await server.serve_forever()

    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(run())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
