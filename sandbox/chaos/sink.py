"""A receiver in a process of its own that remembers every Message-ID and drops some connections.

`python -m sandbox.chaos.sink HOST PORT DROP`; on SIGTERM it says what it saw, as JSON on stdout.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop

from sandbox.bench.sinks import HOST, free_port, wait_for
from wire.sink import Ledger, serve


@dataclass(frozen=True, slots=True)
class Seen:
    """Message-ID -> how often it came, and how often it was left without an answer."""

    ids: Counter[str]
    dropped: Counter[str]

    @property
    def repeats_after_drop(self) -> int:
        """Copies that followed an unanswered one: rightly sent, since nobody could know."""
        return sum(min(count - 1, self.dropped[one]) for one, count in self.ids.items())

    @property
    def duplicates(self) -> int:
        """Copies without that excuse."""
        return sum(count - 1 for count in self.ids.values()) - self.repeats_after_drop


class Receiver:
    """The running process."""

    name = "hatobin sink"
    host = HOST

    def __init__(self, *, drop: float) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "sandbox.chaos.sink", HOST, str(self.port), str(drop)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        wait_for(HOST, self.port)

    def end(self) -> Seen:
        """Stop it and hear what it saw."""
        self._process.terminate()
        said, _ = self._process.communicate()
        found = json.loads(said)
        return Seen(Counter(found["ids"]), Counter(found["dropped"]))

    def close(self) -> None:
        """Make sure that it is gone, also where nobody asked."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def receiver(*, drop: float) -> Iterator[Receiver]:
    """`drop`: the share of messages that are taken but not answered."""
    made = Receiver(drop=drop)
    try:
        yield made
    finally:
        made.close()


async def _run(host: str, port: int, drop: float) -> None:
    ledger = Ledger(keep_ids=True, drop=drop)
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    server = await serve(host, port, ledger)
    await asked.wait()
    server.close()
    seen = {"ids": ledger.ids, "dropped": +ledger.dropped}
    told = {name: {one.decode(): n for one, n in ids.items()} for name, ids in seen.items()}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(
        _run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
    )
