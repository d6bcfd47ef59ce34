"""The default PostgreSQL and Valkey, for a machine that has only Python.

`with services(var):` lends them to a process. All processes of a checkout share one pair of
servers: each holds a shared lock while it uses them, and the keeper (config.keeper), which
started the servers, stops them when it gets that lock alone. So it does not matter who started
them, who ends last, or whether anybody was killed.

Nothing happens when DATABASE_URL and REDIS_URL are both set. Imports no settings and no Django.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from config.places import VALKEY_SOCKET, EmbeddedError, make_writable, socket_directory

BASE_DIR = Path(__file__).resolve().parent.parent
STOP_SECONDS = 40.0

__all__ = ["Addresses", "EmbeddedError", "addresses", "needed", "services", "var_directory"]


@dataclass(frozen=True, slots=True)
class Addresses:
    database: str  # postgresql://hatobin@%2Fpath%2Fto%2Fsockets/hatobin
    redis: str  # unix:///path/to/valkey.sock


def var_directory() -> Path:
    """Everything that is made at run time lies here: data, sockets, secrets, collected files."""
    return Path(os.environ.get("VAR_DIRECTORY") or BASE_DIR / "var").absolute()


def addresses(var: Path) -> Addresses:
    """Where the servers of this var/ answer, whether they run or not. Pure."""
    sockets = socket_directory(var)
    return Addresses(
        database=f"postgresql://hatobin@{quote(str(sockets), safe='')}/hatobin",
        redis=f"unix://{sockets / VALKEY_SOCKET}",
    )


def needed() -> bool:
    """False when the operator brought servers of his own."""
    names = ("DATABASE_URL", "REDIS_URL")
    return not all(os.environ.get(name) or os.environ.get(f"{name}_FILE") for name in names)


@contextlib.contextmanager
def services(var: Path, *, durable: bool = True) -> Iterator[None]:
    """Lends the servers of `var`; DATABASE_URL and REDIS_URL are in os.environ meanwhile.

    `durable=False` is for tests: data need not survive a power loss. Raises EmbeddedError.
    """
    if not needed():
        yield
        return
    make_writable(var)
    try:
        with lent(var, durable=durable):
            yield
    finally:
        wait_until_stopped(var)


@contextlib.contextmanager
def lent(var: Path, *, durable: bool) -> Iterator[None]:
    """Holds the users' lock around the block, and starts the servers if they do not run."""
    with opened(var, "users") as users:
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while a keeper is stopping the servers
        with opened(var, "start") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            if not is_held(var, "keeper"):
                start_keeper(var, durable=durable)
        found = addresses(var)
        try:
            with exported(DATABASE_URL=found.database, REDIS_URL=found.redis):
                yield
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)  # also for forked children, which share this lock


def start_keeper(var: Path, *, durable: bool) -> None:
    """Starts config.keeper on its own and passes on what it says until the servers answer."""
    command = [sys.executable, "-m", "config.keeper", str(var)]
    with (var / "log" / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            command if durable else [*command, "--throwaway"],
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C on the terminal is not for it
        )
    assert keeper.stdout is not None
    with keeper.stdout as lines:
        for line in lines:
            kind, _, words = line.strip().partition(" ")
            if kind == "ready":
                # It outlives us; without this Popen would warn that nobody waited for it.
                keeper.returncode = 0
                return
            if kind == "error":
                keeper.wait()
                raise EmbeddedError(words)
            print(f"hatobin: {words}", file=sys.stderr, flush=True)
    keeper.wait()
    raise EmbeddedError(f"The embedded servers did not start: see {var / 'log' / 'keeper.log'}.")


def wait_until_stopped(var: Path) -> None:
    """The last user waits for the servers' end, so that "the command ended" means "all is down"."""
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and is_held(var, "keeper") and not in_use(var):
        time.sleep(0.02)


def in_use(var: Path) -> bool:
    """Whether other processes hold the users' lock shared (a stopping keeper holds it alone)."""
    with opened(var, "users") as file:
        return not try_lock(file, fcntl.LOCK_EX) and try_lock(file, fcntl.LOCK_SH)


def is_held(var: Path, name: str) -> bool:
    with opened(var, name) as file:
        return not try_lock(file, fcntl.LOCK_EX)


def try_lock(file: IO[bytes], operation: int) -> bool:
    """Takes the lock when it is free; it goes with the file. False when somebody is in the way."""
    try:
        fcntl.flock(file, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def opened(var: Path, name: str) -> IO[bytes]:
    path = var / "run" / f"{name}.lock"
    try:
        return path.open("ab")
    except OSError as error:
        raise EmbeddedError(
            f"{path} cannot be opened: {error.strerror}. Another user has started the servers "
            "of this checkout: start as that user."
        ) from None


@contextlib.contextmanager
def exported(**variables: str) -> Iterator[None]:
    """Sets variables that are not set yet, for this process and its children."""
    fresh = {name: value for name, value in variables.items() if not os.environ.get(name)}
    os.environ.update(fresh)
    try:
        yield
    finally:
        for name in fresh:
            os.environ.pop(name, None)
