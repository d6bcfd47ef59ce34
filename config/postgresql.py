"""Starts and stops the embedded PostgreSQL: the real server, on a private unix socket only."""

import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from config.places import POSTGRES_SOCKET, EmbeddedError, Places
from config.programs import Note, run_program, start_program, tail

ROLE = DATABASE = "hatobin"
ORPHAN_SECONDS = 0.2
START_SECONDS = 60.0  # recovery after a crash may replay much WAL
STOP_SECONDS = 30.0
INITDB_BYTES = 150 * 1024 * 1024  # 40 MB of catalogue, and the first WAL segments

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",  # everybody has SSDs; the default of 4 shuns indexes
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Tests throw their data away, so they need not wait for the disk.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
INITDB_OPTIONS = (
    "--auth=trust",  # the socket's directory is private, and there is no other way in
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)


def start(places: Places, *, durable: bool, note: Note) -> "subprocess.Popen[bytes]":
    """Starts the server and returns when it answers; makes data and database on first use.

    Raises EmbeddedError when the data cannot be used or the server does not come up.
    """
    make_data(places, note=note)
    end_leftover(places, note=note)
    settings = SETTINGS | {"unix_socket_directories": str(places.sockets)}
    settings |= {} if durable else THROWAWAY
    options = [part for item in settings.items() for part in ("-c", "=".join(item))]
    command = [str(places.postgres_bin / "postgres"), "-D", str(places.data), *options]
    deadline = time.monotonic() + START_SECONDS
    while True:
        server = start_program(
            command, places=places, cwd=places.data, log=log_of(places), last_signal=signal.SIGINT
        )
        if wait_until_ready(server, places, deadline=deadline):
            make_database(places)
            return server
        last_words = tail(log_of(places), 1000)
        if "is still in use" not in last_words or time.monotonic() > deadline:
            raise explained(places, last_words)
        time.sleep(ORPHAN_SECONDS)  # backends of a killed server are still ending


def stop(server: subprocess.Popen[bytes]) -> None:
    """A fast shutdown (SIGINT); an immediate one, with recovery at next start, if that hangs."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(number)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return


def make_data(places: Places, *, note: Note) -> None:
    """Initdb into a draft that is renamed when complete: a killed start leaves no half database."""
    if places.data.exists():
        check_version(places)
        return
    if shutil.disk_usage(places.data.parent).free < INITDB_BYTES:
        raise disk_full(places)
    draft = places.data.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if places.account:
        shutil.chown(draft, places.account.uid, places.account.gid)
    note(f"making a new PostgreSQL database in {places.data}")
    initdb = [str(places.postgres_bin / "initdb"), "-D", str(draft), "-U", ROLE, *INITDB_OPTIONS]
    result = run_program(initdb, places=places, cwd=draft)
    if result.returncode:
        shutil.rmtree(draft, ignore_errors=True)
        raise explained(places, result.stderr)
    draft.rename(places.data)


def check_version(places: Places) -> None:
    """PostgreSQL cannot read the data of another major version."""
    version_file = places.data / "PG_VERSION"
    found = version_file.read_text().strip() if version_file.exists() else "unknown"
    postgres = str(places.postgres_bin / "postgres")
    answer = run_program([postgres, "--version"], places=places, cwd=Path("/"))
    match = re.search(r"(\d+)\.", answer.stdout)
    ours = match[1] if match else answer.stdout.strip()
    if found != ours:
        raise EmbeddedError(
            f"{places.data} was made by PostgreSQL {found} and this is PostgreSQL {ours}: dump it "
            "with the old version (pg_dumpall) and load it here, or move it away to start empty."
        )


def end_leftover(places: Places, *, note: Note) -> None:
    """Deals with a server, or its pid file, after a kill or a power loss.

    Only one keeper exists at a time, so a server that still runs here has lost its keeper.
    """
    pid_file = places.data / "postmaster.pid"
    if not pid_file.exists():
        return
    process = server_of(places, pid_file)
    if process is None:
        note(f"PostgreSQL was not shut down last time: {pid_file} is stale, recovering")
        disarm(pid_file)
        (places.sockets / f"{POSTGRES_SOCKET}.lock").unlink(missing_ok=True)
        return
    note(f"ending a PostgreSQL (pid {process.pid}) that an earlier run left behind")
    for number in (signal.SIGINT, signal.SIGQUIT):
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            process.send_signal(number)
            process.wait(STOP_SECONDS)


def server_of(places: Places, pid_file: Path) -> psutil.Process | None:
    """The live server that wrote the pid file. Another program may have got its number since."""
    with suppress(psutil.Error, ValueError, OSError):
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        if process.name() == "postgres" and str(places.data) in process.cmdline():
            return process
    return None


def disarm(pid_file: Path) -> None:
    """Makes PostgreSQL take the file for stale, without taking its safety away.

    The pid in it may be a zombie's or another program's, which PostgreSQL takes for a live
    server. Its parent's pid (ours) it knows to be none. The rest of the file stays: by it
    PostgreSQL finds out whether backends of the dead server still write to the data.
    """
    lines = pid_file.read_text().split("\n")
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))


def wait_until_ready(server: "subprocess.Popen[bytes]", places: Places, *, deadline: float) -> bool:
    """True when it answers, False when it ended; EmbeddedError when it does neither in time."""
    while server.poll() is None:
        try:
            connect(places, "postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return True
        if time.monotonic() > deadline:
            stop(server)
            raise EmbeddedError(
                f"PostgreSQL did not answer within {START_SECONDS:.0f} seconds: "
                f"see {log_of(places)}."
            )
    return False


def make_database(places: Places) -> None:
    with connect(places, "postgres") as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(query, (DATABASE,)).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def connect(places: Places, database: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(
        host=str(places.sockets), user=ROLE, dbname=database, autocommit=True, connect_timeout=5
    )


def explained(places: Places, output: str) -> EmbeddedError:
    """Turns the server's last words into one sentence."""
    if "No space left on device" in output:
        return disk_full(places)
    lines = [line for line in output.splitlines() if re.search(r"FATAL|error:|PANIC", line)]
    reason = lines[-1].strip() if lines else "no reason given"
    return EmbeddedError(f"PostgreSQL did not start: {reason} (see {log_of(places)}).")


def disk_full(places: Places) -> EmbeddedError:
    return EmbeddedError(
        f"The disk that holds {places.data.parent} is full: PostgreSQL needs "
        f"{INITDB_BYTES // 1024**2} MB to start. Free some space, or set DATABASE_URL."
    )


def log_of(places: Places) -> Path:
    return places.var / "log" / "postgres.log"
