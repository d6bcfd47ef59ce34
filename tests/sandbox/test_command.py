"""`manage.py sandbox` as a process: it says where it listens, and stops when it is told to."""

import signal
import smtplib
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOML = '[[host]]\nname = "mx.shop.example"\naddress = "127.0.7.1"\n[[host]]\nname = "down.example"\naddress = "127.0.7.2"\ndown = true\n[[domain]]\nname = "shop.example"\nmx = [[10, "mx.shop.example"]]\n'  # noqa: E501


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.7.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "box.toml"
    path.write_text(TOML)
    return path


@pytest.mark.scenario
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_it_is_told_to_stop(tmp_path, scenario, number):
    port = free_port()
    box = start("--port", port, "--dns-port", 0, "--scenario", scenario, "--directory", tmp_path)
    said = [box.stdout.readline().split() for _ in range(4)]
    assert said[0] == ["127.0.7.1", "port", str(port), "mx.shop.example"]
    assert said[1] == ["127.0.7.2", "down", "down.example"]
    assert said[2][:2] == ["DNS", "on"]
    with smtplib.SMTP("127.0.7.1", port) as client:
        client.sendmail("a@sender.example", ["b@shop.example"], b"Subject: x\r\n\r\n")
    box.send_signal(number)
    out, err = box.communicate(timeout=10)
    assert (box.returncode, out, err) == (0, "The sandbox has stopped.\n", "")


@pytest.mark.scenario
def test_a_taken_port_is_told_in_one_sentence(tmp_path, scenario):
    with socket.socket() as taken:
        taken.bind(("127.0.7.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        box = start(
            "--port", port, "--dns-port", 0, "--scenario", scenario, "--directory", tmp_path
        )
        out, err = box.communicate(timeout=20)
    assert box.returncode == 1
    assert f"The sandbox cannot listen for SMTP on a mail host, port {port}" in err
    assert (out, err.count("\n")) == ("", 1)
