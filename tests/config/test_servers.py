"""What goes wrong with the embedded servers' programs, and what is said about it."""

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from config import postgresql, valkey
from config.places import EmbeddedError, Places, packages_directory

STUBBORN = """
import signal, time
for name in ("SIGINT", "SIGQUIT", "SIGTERM"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def places():
    """A private directory, for servers that run as this user."""
    var = Path(tempfile.mkdtemp(prefix="hatobin-servers-"))
    (var / "log").mkdir()
    (var / "sockets").mkdir(mode=0o700)
    yield Places(var, var / "postgres", var / "sockets", packages_directory(), None)
    shutil.rmtree(var)


@pytest.fixture
def stubborn():
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as program:
        assert program.stdout
        program.stdout.readline()
        yield program
        program.kill()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("LOG: x\nFATAL:  data directory has wrong ownership\nHINT: y", "wrong ownership (see "),
        ('initdb: error: could not create directory "x"', "initdb: error: could not create"),
        ("", "PostgreSQL did not start: no reason given (see "),
        ("PANIC: could not write: No space left on device", "is full: PostgreSQL needs 150 MB"),
    ],
)
def test_the_servers_last_words_become_one_sentence(places, words, sentence):
    said = str(postgresql.explained(places, words))
    assert sentence in said
    assert "\n" not in said


def test_a_full_disk_is_said_before_anything_is_written(places, monkeypatch):
    monkeypatch.setattr(postgresql, "INITDB_BYTES", 2**62)
    with pytest.raises(EmbeddedError, match=r"The disk that holds .* is full: .*DATABASE_URL"):
        postgresql.make_data(places, note=pytest.fail)
    assert not places.data.exists()


def test_a_database_that_cannot_be_made_leaves_nothing_behind(places):
    broken = Places(places.var, places.data, places.sockets, places.var / "programs", None)
    broken.postgres_bin.mkdir(parents=True)
    initdb = broken.postgres_bin / "initdb"
    initdb.write_text("#!/bin/sh\necho 'initdb: error: no such locale' >&2\nexit 1\n")
    initdb.chmod(0o755)
    with pytest.raises(EmbeddedError, match="did not start: initdb: error: no such locale"):
        postgresql.make_data(broken, note=lambda _: None)
    assert sorted(path.name for path in places.var.iterdir()) == ["log", "programs", "sockets"]


@pytest.mark.parametrize("server", [postgresql, valkey])
def test_a_server_that_does_not_end_is_killed(server, stubborn, monkeypatch):
    monkeypatch.setattr(server, "STOP_SECONDS", 0.2)
    server.stop(stubborn)
    assert stubborn.returncode == -signal.SIGKILL


def test_a_server_that_never_answers_is_given_up(places, stubborn, monkeypatch):
    monkeypatch.setattr(postgresql, "STOP_SECONDS", 0.1)
    with pytest.raises(EmbeddedError, match="PostgreSQL did not answer within 60 seconds"):
        postgresql.wait_until_ready(stubborn, places, deadline=0)
    assert stubborn.returncode is not None


def test_a_machine_without_a_valkey_program_says_what_to_do(places):
    elsewhere = Places(places.var, places.data, places.sockets, places.var, None)
    with pytest.raises(EmbeddedError, match=r"brings no Valkey for \w+ on \w+: set REDIS_URL"):
        valkey.program(elsewhere)


@pytest.mark.scenario
def test_a_valkey_that_cannot_open_its_socket_says_why(places):
    places.sockets.joinpath("valkey.sock").mkdir()
    with pytest.raises(EmbeddedError, match=r"Valkey did not start: .*\(see .*valkey.log\)"):
        valkey.start(places, note=pytest.fail)


@pytest.mark.scenario
def test_a_valkey_left_behind_is_ended_first(places):
    notes: list[str] = []
    left = valkey.start(places, note=pytest.fail)
    fresh = valkey.start(places, note=notes.append)
    assert left.wait(5) == 0
    assert notes == [f"ending a Valkey (pid {left.pid}) that an earlier run left behind"]
    valkey.stop(fresh)
    assert fresh.returncode == 0
