"""The embedded servers' life: the real ones, started, shared, killed and started again."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config import embedded, places
from config.embedded import EmbeddedError, addresses, services

pytestmark = pytest.mark.scenario

USER = """
import sys
from pathlib import Path
from config import embedded
with embedded.services(Path(sys.argv[1])):
    print("up", flush=True)
    sys.stdin.readline()
"""


def query(var: Path, text: str):
    with psycopg.connect(addresses(var).database, autocommit=True) as connection:
        cursor = connection.execute(text)
        return cursor.fetchone() if cursor.description else None


def keeper_of(var: Path) -> psutil.Process:
    return next(p for p in servers_of(var) if "config.keeper" in p.cmdline())


def servers_of(var: Path) -> list[psutil.Process]:
    """Keeper, PostgreSQL's main process and Valkey of this var/."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(str(var) in word for word in words) and "-c" not in words[1:2]:
            found.append(process)
    return found


def wait_for(condition, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)  # nobody may reap it in a container
    except psutil.NoSuchProcess:
        return True


@contextmanager
def another_user(var: Path):
    """A second process that uses the servers until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(var)],
        cwd=embedded.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        yield process


def test_data_outlives_the_servers_and_the_servers_end_with_the_last_user(var):
    with services(var, durable=False):
        assert os.environ["DATABASE_URL"] == addresses(var).database
        query(var, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
        assert len(servers_of(var)) == 3
    wait_for(lambda: servers_of(var) == [])
    assert "DATABASE_URL" not in os.environ
    with services(var, durable=False):
        assert query(var, "SELECT answer FROM kept") == (42,)


def test_a_second_process_uses_the_same_servers_and_may_stay_longer(var):
    with services(var, durable=False):
        before = servers_of(var)
        with another_user(var) as other:
            assert servers_of(var) == before
            other.communicate("\n")
        assert query(var, "SELECT 1") == (1,)
    wait_for(lambda: servers_of(var) == [])


def test_a_command_that_exits_with_a_code_waits_for_the_end_too(var):
    with pytest.raises(SystemExit), services(var, durable=False):
        sys.exit(3)
    assert not embedded.is_held(var, "keeper")
    assert not (var / "postgres" / "postmaster.pid").exists()


def test_the_first_process_may_leave_before_the_second(var):
    with another_user(var) as first, services(var, durable=False):
        first.communicate("\n")
        assert query(var, "SELECT 1") == (1,)
        assert redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
    wait_for(lambda: servers_of(var) == [])


def test_servers_end_when_their_only_user_is_killed(var):
    with another_user(var) as user:
        query(var, "CREATE TABLE kept AS SELECT 42 AS answer")
        user.kill()
    wait_for(lambda: servers_of(var) == [])
    with services(var, durable=False):
        assert query(var, "SELECT answer FROM kept") == (42,)


def test_data_is_kept_when_everything_is_killed(var, capfd):
    with another_user(var) as user:
        query(var, "CREATE TABLE kept AS SELECT 42 AS answer")
        killed = servers_of(var)
        for process in killed:
            process.kill()
        user.kill()
    psutil.wait_procs(killed, timeout=20)  # a keeper that is dying still holds its lock
    with services(var, durable=False):
        assert query(var, "SELECT answer FROM kept") == (42,)
    assert "PostgreSQL was not shut down last time" in capfd.readouterr().err


def test_a_server_that_falls_over_is_started_again(var):
    with services(var, durable=False):
        for process in servers_of(var):
            if "keeper" not in " ".join(process.cmdline()):
                process.kill()
        wait_for(lambda: answers(var))
    assert "starting it again" in (var / "log" / "keeper.log").read_text()


def answers(var: Path) -> bool:
    try:
        query(var, "SELECT 1")
        return bool(redis.Redis.from_url(addresses(var).redis).ping())
    except (psycopg.OperationalError, redis.ConnectionError):
        return False


def test_servers_of_a_killed_keeper_are_ended_before_new_ones_start(var):
    with another_user(var) as user:
        keeper = keeper_of(var)
        keeper.kill()
        user.kill()
        wait_for(lambda: is_dead(keeper))
    with services(var, durable=False):
        assert query(var, "SELECT 1") == (1,)
        assert len(servers_of(var)) == 3


def test_a_pid_file_that_names_another_program_is_stale(var, capfd):
    with services(var, durable=False):
        pass
    (var / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{var}/postgres\n")
    with services(var, durable=False):
        assert query(var, "SELECT 1") == (1,)
    assert "is stale" in capfd.readouterr().err


def test_data_of_another_major_version_is_one_clear_sentence(var):
    with services(var, durable=False):
        pass
    (var / "postgres" / "PG_VERSION").write_text("9\n")
    with (
        pytest.raises(EmbeddedError, match=r"made by PostgreSQL 9 and this is PostgreSQL \d+:"),
        services(var, durable=False),
    ):
        pass
    wait_for(lambda: servers_of(var) == [])


def test_a_server_that_cannot_start_says_why(var):
    with services(var, durable=False):
        pass
    (var / "postgres" / "global" / "pg_control").unlink()
    with (
        pytest.raises(EmbeddedError, match=r"PostgreSQL did not start: .*\(see .*postgres.log\)"),
        services(var, durable=False),
    ):
        pass


def test_nothing_starts_when_the_operator_brings_servers(var, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/hatobin")
    monkeypatch.setenv("REDIS_URL", "redis://cache")
    with services(var):
        assert list(var.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another account")
def test_as_root_in_a_closed_directory_the_data_moves_to_var_tmp(var, capfd):
    closed = var / "closed"
    closed.mkdir(mode=0o700)
    with services(closed, durable=False):
        query(closed, "CREATE TABLE kept ()")
        home = (closed / "postgres").resolve().parent
        assert {p.uids().real for p in servers_of(home)} == {home.stat().st_uid} != {0}
    try:
        assert home == Path("/var/tmp") / places.mark(closed)
        assert home.stat().st_mode & 0o777 == 0o700
        assert closed.stat().st_mode & 0o777 == 0o700
        assert f"the databases are kept in {home}" in capfd.readouterr().err
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)


def test_the_keeper_stops_the_servers_when_the_machine_goes_down(var):
    with another_user(var) as user:
        keeper_of(var).send_signal(signal.SIGTERM)
        wait_for(lambda: servers_of(var) == [])
        user.communicate("\n")
    assert not (var / "postgres" / "postmaster.pid").exists()
