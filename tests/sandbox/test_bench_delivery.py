"""The delivery benchmark: its bars, the rival's configuration, and one small real run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.bench import delivery, postfix
from sandbox.bench.sinks import Sink

ROOT = Path(__file__).parents[2]
SINK = Sink("smtp-sink", "127.0.9.9", 2525)
OURS = {"per_second": 1500.0, "cpu_per_1000": 0.9, "worker_peak_mb": 100.0, "lost": 0.0}
RIVAL = {
    "postfix_relay_per_second": 800.0,
    "postfix_relay_cpu_per_1000": 1.5,
    "postfix_drain_per_second": 1000.0,
}


def test_the_bars_hold_for_a_fast_cheap_and_lossless_run() -> None:
    result = delivery.judge(OURS | RIVAL, SINK)
    assert result.ok
    assert (result.figures["ratio_to_relay"], result.figures["ratio_to_drain"]) == (1.88, 1.5)


@pytest.mark.parametrize(
    "worse",
    [{"lost": 1.0}, {"worker_peak_mb": 201.0}, {"per_second": 1100.0}, {"cpu_per_1000": 1.6}],
)
def test_each_bar_can_fail(worse: dict[str, float]) -> None:
    assert not delivery.judge(OURS | RIVAL | worse, SINK).ok


def test_the_rival_listens_on_its_own_port_and_not_in_a_chroot() -> None:
    text = (
        "smtp      inet  n       -       y       -       -       smtpd\n"
        "cleanup   unix  n       -       y       -       0       cleanup\n"
    )
    assert postfix._master(text, 2599) == (
        "127.0.0.1:2599 inet  n       -       n       -       -       smtpd\n"
        "cleanup   unix  n       -       n       -       0       cleanup\n"
    )


def test_the_command_delivers_all_on_an_instance_of_its_own() -> None:
    kept = {name: value for name, value in os.environ.items() if name != "VAR_DIRECTORY"}
    done = subprocess.run(
        [sys.executable, "manage.py", "bench", "delivery", "--count", "300", "--json"],
        cwd=ROOT, env=kept, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["count"], figures["lost"], figures["ok"]) == (300, 0, True)
    assert done.returncode == 0
