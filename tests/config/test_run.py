"""`manage.py run`: the real programs on servers of their own."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import psutil
import pytest

from config import embedded, run
from config.schedule import SCHEDULE


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def started(var, port: int):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run"],
        cwd=embedded.BASE_DIR,
        env=os.environ
        | {"VAR_DIRECTORY": str(var), "WEB_PORT": str(port), "DATABASE_POOL": "4", "WORKERS": "1"}
        | {"INTAKE_PORT": str(free_port())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()  # takes its programs along, see config.leash
        process.communicate()


def answer(process, port: int, path: str) -> bytes:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as response:
                return bytes(response.read())
        except OSError:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline, "the web server did not answer"
            time.sleep(0.1)


def family_of(pid: int) -> list[psutil.Process]:
    return list(psutil.Process(pid).children(recursive=True))


@pytest.mark.scenario
def test_ctrl_c_stops_web_workers_beat_and_the_servers(var):
    port = free_port()
    with started(var, port) as process:
        assert b'"database": true, "redis": true' in answer(process, port, "/healthz")
        family = family_of(process.pid)
        words = [" ".join(member.cmdline()) for member in family]
        for program in (
            "gunicorn",
            "celery",
            "beat",
            "intake",
            "manage.py watch",
            "keeper",
            "postgres",
            "valkey-server",
        ):
            assert any(program in line for line in words), program
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    psutil.wait_procs(family, timeout=5)
    assert [member for member in family if member.is_running()] == []


@pytest.mark.scenario
def test_a_taken_port_is_said_before_the_programs_start(var):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with started(var, port) as process:
            output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"Port {port} on 127.0.0.1 is taken by " in output
    assert f"(pid {os.getpid()}): stop that, or start with another one" in output
    assert "Traceback" not in output


def test_the_sentence_about_a_port_says_which_who_and_the_way_out():
    taken = OSError(errno.EADDRINUSE, "Address already in use")
    sentence = run.port_sentence("127.0.0.1", 8000, taken, holder="")
    assert sentence == (
        "Port 8000 on 127.0.0.1 is taken, perhaps by another `make demo` or `make run`: "
        "stop that, or start with another one, for example WEB_PORT=8001."
    )
    closed = OSError(errno.EACCES, "Permission denied")
    sentence = run.port_sentence("127.0.0.1", 80, closed, holder="")
    assert sentence.startswith("Port 80 on 127.0.0.1 cannot be used (Permission denied): ")


def test_a_port_is_free_again_right_after_its_server_ended():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
    run.require_port("127.0.0.1", port)


def test_an_ipv6_host_stands_in_brackets():
    assert run.bind_address("::1", 8000) == "[::1]:8000"
    assert run.bind_address("0.0.0.0", 8000) == "0.0.0.0:8000"


def test_the_programs_are_the_ones_of_the_compose_file():
    compose = (embedded.BASE_DIR / "docker" / "compose.yaml").read_text()
    for name, command in run.own_processes().items():
        section = re.search(rf"^  {name}:\n((?:    .*\n)+)", compose, re.MULTILINE)
        assert section, name
        if "-Q" in command:
            queue = command[command.index("-Q") + 1]
            assert f'"-n", "{name}@%h", "-Q", "{queue}"' in section[1]


def test_slow_receivers_cannot_hold_up_sweeping_and_closing():
    programs = run.own_processes()
    assert {"-Q", "default"} <= set(programs["worker"])
    assert {"-Q", "dispatch"} <= set(programs["sender"])
    assert "dispatch" not in programs["worker"]
    assert {"-Q", "long"} <= set(programs["loader"])
    assert {"worker@%h", "loader@%h", "sender@%h"} <= {
        word for line in programs.values() for word in line
    }


def test_periodic_tasks_that_nobody_took_are_dropped():
    assert SCHEDULE
    for entry in SCHEDULE.values():
        assert entry["options"]["expires"] == 3 * entry["schedule"]
