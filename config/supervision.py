"""Runs several programs as one: honcho's manager, with gentler manners at the end.

Each program's lines are printed behind its name. When one ends, all are asked to end.
"""

import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import honcho.manager
from honcho.compat import ProcessManager
from honcho.printer import Message, Printer
from honcho.process import Popen, Process

from config.leash import end_with_parent

# Between the request to end and the kill. Workers finish the batch they are sending: a message
# cut off behind its final dot would be sent twice. honcho's 5 seconds have no setting.
honcho.manager.KILL_WAIT = 30

FIRST_LOOK_SECONDS = 1.0  # all programs are forked by then; no thread of ours runs before
LOOK_SECONDS = 0.5
STOPPED = re.compile(r"(\S+) stopped \(rc=(-?\d+)\)")


class Supervisor(honcho.manager.Manager):  # type: ignore[misc]  # honcho is untyped
    """Starts programs, prints what they say, and ends them all together."""

    def __init__(self) -> None:
        self.lines = Lines(sys.stdout, time_format="")
        super().__init__(printer=self.lines)
        self._process_ctor = LeashedProcess
        self._procmgr = GentleProcesses()

    def add(self, name: str, command: list[str], *, cwd: str) -> None:
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        # `exec`: signals have to reach the program, not a shell in between.
        self.add_process(name, f"exec {shlex.join(command)}", env=environment, cwd=cwd)


class LeashedProcess(Process):  # type: ignore[misc]
    """Ends when we are killed: honcho keeps a process of its own between us and the program."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        end_with_parent(signal.SIGKILL, of=os.getppid())()
        self._child_ctor = partial(Popen, preexec_fn=end_with_parent(signal.SIGTERM))
        super().run(events, ignore_signals)


class GentleProcesses(ProcessManager):  # type: ignore[misc]
    """Asks the program alone; Celery and gunicorn end their own children after their work.

    honcho would signal the whole group, which kills Celery's children in the middle of a task.
    """

    def terminate(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


class Lines(Printer):  # type: ignore[misc]
    """Prints programs' lines, keeps honcho's own remarks to itself, notes who ended first."""

    first_stopped: tuple[str, int] | None = None

    def write(self, message: Message) -> None:
        if message.name != honcho.manager.SYSTEM_PRINTER_NAME:
            super().write(message)
            return
        stopped = STOPPED.search(message.data)
        if stopped and self.first_stopped is None:
            self.first_stopped = (stopped[1], int(stopped[2]))


def supervise(
    programs: Mapping[str, list[str]], *, cwd: str, until: Callable[[], bool] | None
) -> int:
    """Runs the programs until Ctrl-C, SIGTERM, or `until()` is true; returns the exit code.

    0: ended as asked. 1: a program ended by itself, or `until` failed; the last line says which.
    """
    supervisor = Supervisor()
    for name, command in programs.items():
        supervisor.add(name, command, cwd=cwd)
    watch = Watch(until, supervisor.terminate)
    watch.start()
    supervisor.loop()
    watch.ended.set()
    watch.join()
    if watch.error is not None:
        raise watch.error
    if watch.satisfied or supervisor.returncode in {130, 143}:  # SIGINT, SIGTERM
        return 0
    name, code = supervisor.lines.first_stopped or ("a program", -1)
    print(f"hatobin: {name} ended with code {code}, so everything was stopped.", file=sys.stderr)
    return 1


class Watch(threading.Thread):
    """Asks `until` again and again, and stops everything once it says yes."""

    def __init__(self, until: Callable[[], bool] | None, stop: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.until, self.stop = until, stop
        self.ended = threading.Event()
        self.satisfied = False
        self.error: Exception | None = None

    def run(self) -> None:
        self.ended.wait(FIRST_LOOK_SECONDS)
        while self.until and not self.ended.is_set():
            try:
                self.satisfied = self.until()
            except Exception as error:  # noqa: BLE001  # raised again by supervise()
                self.error = error
            if self.satisfied or self.error:
                self.stop()
                return
            self.ended.wait(LOOK_SECONDS)
