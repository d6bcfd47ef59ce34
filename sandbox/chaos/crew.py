"""Real Celery workers that are killed at any moment, each replaced at once; and beat, which stays.

Each worker is a program with one process for its tasks. A kill takes the whole program, or only the
process: then Celery makes a new one.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from random import Random

import psutil
from django.conf import settings

from config import run as running

STOP_SECONDS = 60.0


class Crew:
    """`open_connections`: how many led from the killed to the sink, at the moment of their end."""

    def __init__(self, *, size: int, sink_port: int, chance: Random) -> None:
        self._sink_port = sink_port
        self._chance = chance
        self._beat = start([*running.own_processes()["beat"]])
        self._workers = [start(command(number)) for number in range(size)]
        self.kills = 0
        self.open_connections = 0

    def kill_one(self) -> None:
        """SIGKILL, for a program or for its process, by chance."""
        number = self._chance.randrange(len(self._workers))
        worker = self._workers[number]
        children = psutil.Process(worker.pid).children(recursive=True)
        if children and self._chance.random() < 0.5:
            self._kill(children[-1:])
            return
        self._kill([psutil.Process(worker.pid), *children])
        worker.wait()
        self._workers[number] = start(command(number))

    def _kill(self, doomed: Sequence[psutil.Process]) -> None:
        """They are stopped first, so that the connections do not change while they are counted."""
        for process in doomed:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        self.open_connections += sum(self._connections(process) for process in doomed)
        for process in doomed:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.kills += 1

    def _connections(self, process: psutil.Process) -> int:
        with suppress(psutil.NoSuchProcess):
            found = process.net_connections("tcp")
            return sum(bool(one.raddr) and one.raddr.port == self._sink_port for one in found)
        return 0

    def end(self) -> None:
        """A warm shutdown of all."""
        for program in (self._beat, *self._workers):
            program.terminate()
        for program in (self._beat, *self._workers):
            try:
                program.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()


def command(number: int) -> list[str]:
    return running.celery_worker(f"chaos{number}", queues="dispatch,default,long", processes=1)


def start(program: list[str]) -> "subprocess.Popen[bytes]":
    """In a session of its own; what it says of its troubles is expected, and kept in the log."""
    with (settings.VAR_DIR / "log" / "chaos.log").open("ab") as log:
        return subprocess.Popen(
            program, cwd=settings.BASE_DIR, stdout=log, stderr=log, start_new_session=True
        )


@contextmanager
def crew(*, size: int, sink_port: int, chance: Random) -> Iterator[Crew]:
    made = Crew(size=size, sink_port=sink_port, chance=chance)
    try:
        yield made
    finally:
        made.end()
