"""Programs under one supervisor: whatever ends it, nothing is left behind."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from config.supervision import Watch

pytestmark = pytest.mark.scenario

# A program that starts a child of its own and says both pids.
FAMILY = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
def end(*_):
    child.terminate()
    print("ended as asked", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("pids", os.getpid(), child.pid, flush=True)
time.sleep(600)
"""

SUPERVISOR = """
import sys
from pathlib import Path
from config.supervision import supervise
programs = {{"family": [sys.executable, "-c", {family!r}], **{more!r}}}
sys.exit(supervise(programs, cwd=".", until={until}))
"""


def start(*, more=None, until="None"):
    code = SUPERVISOR.format(family=FAMILY, more=more or {}, until=until)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def pids_said_by(process) -> list[int]:
    for line in process.stdout:
        if "pids" in line:
            return [int(word) for word in line.split("pids")[1].split()]
    raise AssertionError("the program did not start")


def alive(pids) -> list[int]:
    found = [pid for pid in pids if psutil.pid_exists(pid)]
    return [pid for pid in found if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def wait_until_gone(pids, seconds=10.0):
    deadline = time.monotonic() + seconds
    while alive(pids):
        assert time.monotonic() < deadline, f"left behind: {alive(pids)}"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_program_in_its_own_manner(number):
    process = start()
    pids = pids_said_by(process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "family | ended as asked" in output
    assert alive(pids) == []


def test_when_one_program_ends_all_end_and_the_last_line_names_it():
    more = {"broken": [sys.executable, "-c", "import time, sys; time.sleep(1); sys.exit(7)"]}
    process = start(more=more)
    pids = pids_said_by(process)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    last = output.strip().splitlines()[-1]
    assert last == "hatobin: broken ended with code 7, so everything was stopped."
    assert alive(pids) == []


def test_everything_ends_well_once_the_condition_holds(tmp_path):
    done = tmp_path / "done"
    process = start(until=f"Path({str(done)!r}).exists")
    pids = pids_said_by(process)
    done.touch()
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert alive(pids) == []


def test_a_condition_that_fails_ends_everything_and_is_raised():
    process = start(until="lambda: 1 / 0")
    pids = pids_said_by(process)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "ZeroDivisionError" in output
    assert alive(pids) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the leash is Linux's prctl")
def test_a_killed_supervisor_takes_its_programs_along():
    process = start()
    program, child = pids_said_by(process)
    process.kill()
    wait_until_gone([program, child])
    process.communicate()


def test_a_watch_without_condition_does_nothing():
    watch = Watch(None, stop=lambda: pytest.fail("nobody asked for that"))
    watch.ended.set()
    watch.start()
    watch.join(5)
    assert not watch.satisfied


def test_a_program_whose_parent_died_before_the_leash_was_on_ends_at_once():
    code = (
        "import os, signal\n"
        "from config.leash import end_with_parent\n"
        f"end_with_parent(signal.SIGTERM, of={os.getpid()})()\n"
        "print('parent is alive', flush=True)\n"
        "end_with_parent(signal.SIGTERM, of=2**22)()\n"
        "print('not reached', flush=True)\n"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if sys.platform == "linux":
        assert result.stdout == "parent is alive\n"
        assert result.returncode == -signal.SIGTERM
