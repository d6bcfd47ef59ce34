"""Real Celery workers, in processes of their own, on the test's database and Valkey."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).parents[2]


class Worker:
    """One `celery worker` with its children."""

    def __init__(
        self, environment: Mapping[str, str], *, beat: Path | None, log: Path, queues: str
    ) -> None:
        command = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker",
                   "-Q", queues, "--concurrency", "2", "--without-gossip",
                   "--without-mingle", "--without-heartbeat"]  # fmt: skip
        if beat is not None:
            command += ["--beat", "--schedule", str(beat)]
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), stdout=self._log, stderr=self._log,
            start_new_session=True,
        )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL for the worker and its children at once: a power cut, not a shutdown."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """A warm shutdown; killed when it takes too long."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()


@contextmanager
def workers(
    directory: Path, *, count: int = 1, queues: str = "dispatch,default,long", **settings: str
) -> Iterator[list[Worker]]:
    """Start `count` workers, the first with beat; stop them at the end.

    `queues` of each; "default,long dispatch" starts two, so that senders are alone.
    """
    environment = os.environ | {"DATABASE_URL": database_url(), "DATABASE_POOL": "4"} | settings
    started = [
        Worker(
            environment,
            beat=directory / "beat" if number == 0 else None,
            log=directory / f"worker{number}.log",
            queues=own,
        )
        for number, own in enumerate(queues.split() * count)
    ]
    try:
        yield started
    finally:
        for worker in started:
            worker.stop()


def database_url() -> str:
    """The URL of the test database that this process is connected to."""
    base, mark, options = os.environ["DATABASE_URL"].partition("?")
    name = str(connection.settings_dict["NAME"])
    return f"{base.rpartition('/')[0]}/{name}{mark}{options}"


def wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Look again and again; AssertionError when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited long enough"
        time.sleep(0.1)
