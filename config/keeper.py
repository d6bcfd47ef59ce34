"""The process that owns the embedded servers: starts them, and stops them after the last user.

Started by config.embedded as `python -m config.keeper VAR [--throwaway]`. Speaks in lines on
stdout until the servers answer: `note ...`, then `ready` or `error ...`.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from config import postgresql, valkey
from config.embedded import opened, try_lock
from config.places import EmbeddedError, Places, prepare

LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Servers:
    database: "subprocess.Popen[bytes]"
    redis: "subprocess.Popen[bytes]"


def main(var: Path, *, durable: bool) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the machine goes down
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with opened(var, "keeper") as mine, opened(var, "users") as users:
        if not try_lock(mine, fcntl.LOCK_EX):
            say("error another keeper is at work in this directory: try again.")
            return 1
        try:
            places = prepare(var)
            servers = start(places, durable=durable)
        except EmbeddedError as error:
            say(f"error {error}")
            return 1
        try:
            say("ready")
            silence()
            keep(servers, places, durable=durable, users=users.fileno())
        finally:
            stop(servers)
    return 0


def start(places: Places, *, durable: bool) -> Servers:
    if places.moved:
        note(
            f"{places.account.name if places.account else 'the account'} cannot enter "
            f"{places.var}: the databases are kept in {places.data.parent}"
        )
    redis = valkey.start(places, note=note)
    try:
        return Servers(postgresql.start(places, durable=durable, note=note), redis)
    except BaseException:
        valkey.stop(redis)
        raise


def keep(servers: Servers, places: Places, *, durable: bool, users: int) -> None:
    """Returns when nobody uses the servers any more; starts a server again that fell over."""
    while not alone(users):
        time.sleep(LOOK_SECONDS)
        if servers.database.poll() is not None:
            note("PostgreSQL ended unexpectedly: starting it again")
            servers.database = postgresql.start(places, durable=durable, note=note)
        if servers.redis.poll() is not None:
            note("Valkey ended unexpectedly: starting it again")
            servers.redis = valkey.start(places, note=note)


def alone(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def stop(servers: Servers) -> None:
    valkey.stop(servers.redis)
    postgresql.stop(servers.database)


def note(words: str) -> None:
    say(f"note {words}")


def say(line: str) -> None:
    print(line, flush=True)


def silence() -> None:
    """Whoever started us reads no further: what we say from now on goes to the log (stderr)."""
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), durable="--throwaway" not in sys.argv))
