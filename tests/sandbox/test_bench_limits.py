"""The benchmarks of limits and fairness: their verdicts, and the sink that keeps a diary."""

import socket
from argparse import ArgumentTypeError
from collections import Counter
from pathlib import Path

import pytest

from sandbox.bench import diary, fairness, limits
from sandbox.bench.diary import Opened, Taken
from sandbox.bench.limits import Seen
from tests.support.workers import workers

RIGHT = {"workers": 2, "phase": "per_second", "limit": 50.0, "rate": 49.5,
         "most_in_a_second": 60, "most_connections": 3}  # fmt: skip


def seen(**changes: float) -> Seen:
    return Seen(**(RIGHT | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "ok"),
    [
        ({}, True),
        ({"rate": 51.1}, False),
        ({"rate": 48.9}, False),
        ({"most_in_a_second": 66}, False),
        ({"most_connections": 4}, False),
    ],
)
def test_limits_have_to_hold_within_the_tolerance(changes: dict[str, float], ok: bool) -> None:
    result = limits.judge([seen(), seen(**changes)])
    assert result.ok is ok
    assert any("TOO FAR OFF" in line for line in result.lines) is not ok
    assert result.figures["workers_2_per_second_limit"] == 50.0


def test_no_measurement_is_no_success() -> None:
    assert not limits.judge([]).ok


def test_the_fullest_second_is_found_wherever_it_begins() -> None:
    times = [0.0, 0.9, 1.0, 1.1, 1.2, 1.85, 3.0]
    assert limits.most_in_a_second([Taken(at, "", "") for at in times]) == 5
    assert limits.most_in_a_second([]) == 0
    assert limits.most_open([Opened(0, "", 2), Opened(1, "", 3), Opened(2, "", 1)]) == 3


def test_numbers_of_workers_are_read() -> None:
    assert limits.numbers("1,2,8") == [1, 2, 8]
    with pytest.raises(ArgumentTypeError, match="no list of numbers"):
        limits.numbers("two")


@pytest.mark.parametrize(
    ("waits", "counts", "ok"),
    [
        ([0.1, 1.9], (100, 300), True),
        ([0.1, None], (100, 300), False),
        ([0.1, 2.1], (100, 300), False),
        ([0.1], (100, 200), False),
        ([0.1], (0, 300), False),
        ([], (100, 300), False),
    ],
)
def test_fairness_wants_short_waits_and_right_shares(
    waits: list[float | None], counts: tuple[int, int], ok: bool
) -> None:
    owners = Counter({"light": counts[0], "heavy": counts[1]})
    assert fairness.judge(waits, 1000, owners).ok is ok


def test_the_diary_tells_who_sent_what_when(tmp_path: Path) -> None:
    with diary.sink(tmp_path / "diary") as (target, book):
        with socket.create_connection((target.host, target.port), timeout=5) as client:
            client.sendall(
                b"EHLO me\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\n"
                b"Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n"
            )
            while client.recv(4096):
                pass
        [message] = book.messages()
        assert (message.peer, message.recipient) == ("127.0.0.1", "b@r.example")
        assert book.messages(since=message.at + 1) == []
        assert 1 in {one.count for one in book.connections()}


@pytest.fixture
def hurried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, valkey: object, transactional_db: None
) -> None:
    """The benchmarks on the test's own database, in a hurry: too short to judge by."""
    for module, name in ((limits, "workers"), (fairness, "fleet")):
        monkeypatch.setattr(module, name, lambda count: workers(tmp_path, count=count))
    for name, value in {"SECONDS": 1.0, "SETTLE": 4.0, "CROWD": 600}.items():
        monkeypatch.setattr(limits, name, value)
    for name, value in {"SINGLES": 2, "EVERY": 0.1, "SHARED_SECONDS": 0.5}.items():
        monkeypatch.setattr(fairness, name, value)


@pytest.mark.scenario
def test_the_benchmark_of_limits_runs(hurried: None) -> None:
    figures = limits.run({"workers": [1]}).figures
    assert figures["workers_1_per_second_most_connections"] in (2, 3)
    assert float(str(figures["workers_1_per_second_per_second"])) > 0


@pytest.mark.scenario
def test_the_benchmark_of_fairness_runs(hurried: None) -> None:
    figures = fairness.run({"count": 3000, "workers": 1}).figures
    assert (figures["singles"], figures["lost"]) == (2, 0)
