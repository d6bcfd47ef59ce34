"""The benchmark of the blocklist watch: its bars, its rivals, and one small real run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.bench import dnsbl, dnsbl_rivals
from sandbox.bench.dnsbl import Sweep
from sandbox.bench.dnsbl_rivals import Figures, NoRival
from tests.support.blocklists import rule
from wire.dnsbl import target

ROOT = Path(__file__).parents[2]
REPORT = """
  Queries sent:         4000
  Queries completed:    4000 (100.00%)
  Queries lost:         {} (0.00%)
  Queries per second:   80078.797537
"""


def sweep(*, seconds=1.0, wrong=0, questions=1000):
    return Sweep(questions, 20, wrong, seconds, 0.5)


def rival(seconds):
    return Figures(seconds, 0.4, 20, 0)


@pytest.mark.parametrize(
    ("sweeps", "pydnsbl", "crowds", "dnsperf", "ok"),
    [
        ([sweep()], [rival(5.1)], [sweep()], [1900.0], True),
        ([sweep()], [rival(4.9)], [sweep()], [1900.0], False),
        ([sweep()], [rival(5.1)], [sweep()], [2100.0], False),
        ([sweep(wrong=1)], [rival(5.1)], [sweep()], [1900.0], False),
        ([sweep()], [rival(5.1)], [sweep(seconds=301.0)], [None], False),
        ([sweep(seconds=9.0), sweep()], [rival(60.0), rival(5.1)], [sweep()], [None], True),
        ([sweep()], [], [sweep()], [None], True),
    ],
)
def test_the_bars_are_held(sweeps, pydnsbl, crowds, dnsperf, ok):
    assert dnsbl.judge(sweeps, pydnsbl, crowds, dnsperf).ok is ok


def test_the_figures_are_those_of_the_fastest_rounds():
    figures = dnsbl.judge([sweep(), sweep(seconds=0.5)], [rival(5.0)], [sweep()], [1250.0]).figures
    assert (figures["seconds"], figures["per_second"], figures["times_faster"]) == (0.5, 2000, 10.0)
    assert (figures["crowd_per_second"], figures["share_of_dnsperf"]) == (1000, 0.8)


def test_a_small_sweep_finds_exactly_what_is_listed():
    targets = [target(f"198.18.0.{number}") for number in range(1, 61)]
    targets += [target("a.example"), target("b.example")]
    with dnsbl.server(dnsbl.default_rules(), targets) as port:
        found = dnsbl.one_sweep(dnsbl.default_rules(), targets, port)
        work = dnsbl.rival_work(targets, port)
    asked = len(work.ips) * len(work.ip_lists) + len(work.domains) * len(work.domain_lists)
    held = sum(len(dnsbl.entries(rule, targets)) for rule in dnsbl.default_rules())
    assert (found.questions, found.listed, found.wrong) == (asked, held, 0)
    assert held > 40


def test_dnsperf_is_asked_the_questions_of_the_crowd(tmp_path):
    file = tmp_path / "questions"
    dnsbl.write_questions(file, [target("198.18.0.1")])
    lines = file.read_text().splitlines()
    assert (len(lines), lines[0]) == (40, "1.0.18.198.bl0.bench.example A")


def test_a_run_of_dnsperf_that_lost_questions_counts_for_nothing():
    assert dnsbl_rivals.rate(REPORT.format(0)) == 80078.797537
    assert dnsbl_rivals.rate(REPORT.format(7)) == 0.0
    assert dnsbl_rivals.rate("") == 0.0


def test_without_dnsperf_there_is_no_limit(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dnsbl_rivals.dnsperf("127.0.0.1", 9, tmp_path / "none") is None


def test_a_rival_that_cannot_be_installed_is_told(monkeypatch, tmp_path):
    def fail(*_args, **_options):
        return subprocess.CompletedProcess([], 1, "", "no index")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(NoRival, match="--no-rival goes without it"):
        dnsbl_rivals.install(tmp_path)


def test_a_list_without_codes_of_its_own_is_given_the_usual_one():
    assert dnsbl.code_of(rule(codes={}, any_code=True)) == "127.0.0.2"


def test_the_command_measures_on_an_instance_of_its_own():
    kept = {name: value for name, value in os.environ.items() if name != "VAR_DIRECTORY"}
    done = subprocess.run(
        [sys.executable, "manage.py", "bench", "dnsbl", "--ips", "12", "--domains", "2",
         "--crowd", "60", "--rounds", "1", "--no-rival", "--json"],
        cwd=ROOT, env=kept, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["wrong"], figures["crowd_questions"], figures["ok"]) == (0, 2400, True)
    assert figures["pydnsbl_seconds"] is None
