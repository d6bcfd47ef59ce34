"""Starts the embedded servers' programs: under their account, in a bare environment, on a leash."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from config.leash import end_with_parent
from config.places import Places

Note = Callable[[str], None]  # takes one sentence for whoever started us

BARE_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


def start_program(
    command: list[str], *, places: Places, cwd: Path, log: Path, last_signal: signal.Signals
) -> "subprocess.Popen[bytes]":
    """Starts a server; `last_signal` is what it gets when this process is killed."""
    account = places.account
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=BARE_ENVIRONMENT,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C on the terminal is not for it
            preexec_fn=end_with_parent(last_signal),  # noqa: PLW1509  # we have one thread
        )


def run_program(
    command: list[str], *, places: Places, cwd: Path
) -> "subprocess.CompletedProcess[str]":
    """Runs a program to its end and returns its output and exit code."""
    account = places.account
    return subprocess.run(
        command,
        cwd=cwd,
        env=BARE_ENVIRONMENT,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        capture_output=True,
        text=True,
        check=False,
    )


def tail(path: Path, octets: int = 4096) -> str:
    return path.read_bytes()[-octets:].decode(errors="replace")
