"""Ends the instance's own PostgreSQL or Valkey without a word; the keeper starts it again."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import redis
from django.conf import settings

from config.places import socket_directory
from delivery import live

BACK_SECONDS = 60.0


def restart_valkey() -> None:
    """SIGKILL. It keeps nothing, so it comes back empty."""
    _kill("valkey-server")
    _wait(_valkey_answers)


def restart_postgres() -> None:
    """SIGKILL for the postmaster: it comes back by recovery from its log."""
    _kill("postgres")
    _wait(_postgres_answers)


def _kill(name: str) -> None:
    """The server's first process: its parent is the keeper, and its command names our places."""
    mine = {str(settings.VAR_DIR), str(socket_directory(settings.VAR_DIR))}
    for process in psutil.process_iter(["name", "cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if process.info["name"] == name and any(place in line for place in mine):
            process.kill()
            process.wait()
            return
    raise RuntimeError(f"No {name} of this instance ({settings.VAR_DIR}) runs: it cannot be killed")


def _wait(answers: Callable[[], bool]) -> None:
    ends = time.monotonic() + BACK_SECONDS
    while not answers():
        if time.monotonic() > ends:
            log = Path(settings.VAR_DIR) / "log"
            raise TimeoutError(f"The killed server did not come back: see {log}")
        time.sleep(0.05)


def _valkey_answers() -> bool:
    try:
        return bool(live.connection().ping())
    except redis.RedisError:
        return False


def _postgres_answers() -> bool:
    try:
        psycopg.connect(settings.DATABASE_URL, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
