"""The pace of a round: no letter goes before it may, and no round waits for long."""

import time
from collections.abc import Callable, Sequence

import pytest

from tests.support.names import nameserver
from tests.support.post import Post, carry, letters
from tests.support.smtp_script import FRIENDLY, scripted

PIPELINING = {"EHLO": "250-fake.example\n250-PIPELINING\n250 SIZE 1000000"}


def every(seconds: float) -> Callable[[], float]:
    """One letter each so many seconds."""
    due = [time.monotonic()]

    def pace() -> float:
        wait = due[0] - time.monotonic()
        if wait > 0:
            return wait
        due[0] += seconds
        return 0.0

    return pace


async def paced(
    pace: Callable[[], float], count: int = 5, *, host: dict[str, str] | None = None, **more
) -> tuple[Post, int]:
    """What came of it, and how many sessions there were."""
    async with (
        scripted({**FRIENDLY, **(host or {})}, host="127.0.9.1") as script,
        nameserver("shop.example A 127.0.9.1") as names,
    ):
        post = await carry(letters(count), names=names.address, port=script.port, pace=pace, **more)
        return post, len(script.sessions)


@pytest.mark.parametrize("host", [{}, PIPELINING])
async def test_letters_go_at_the_given_pace_over_one_connection(host: dict[str, str]) -> None:
    began = time.monotonic()
    post, sessions = await paced(every(0.05), host=host, max_connections=1)
    assert post.verdicts == ["accepted"] * 5
    assert 0.2 <= time.monotonic() - began < 0.6
    assert sessions == 1


async def test_several_connections_share_the_pace() -> None:
    began = time.monotonic()
    post, _ = await paced(every(0.02), 20, max_connections=4)
    assert post.verdicts == ["accepted"] * 20
    assert time.monotonic() - began >= 19 * 0.02


async def test_a_round_that_would_wait_for_long_ends_and_returns_its_letters() -> None:
    leave = iter([0.0, 0.0])
    began = time.monotonic()
    post, _ = await paced(lambda: next(leave, 3600.0))
    assert (len(post.reported), len(post.left)) == (2, 3)
    assert time.monotonic() - began < 1


async def test_waiting_ends_when_the_round_may_not_go_on() -> None:
    ends = time.monotonic() + 0.1
    post, _ = await paced(lambda: 0.9, may_continue=lambda: time.monotonic() < ends)
    assert (post.reported, len(post.left)) == ([], 5)
    assert time.monotonic() < ends + 0.5


async def test_no_leave_is_asked_for_when_there_is_no_letter() -> None:
    asked: list[int] = []

    def pace() -> float:
        asked.append(1)
        return 0.0

    await paced(pace, 3, host=PIPELINING, max_connections=1)
    assert len(asked) == 3


async def test_letters_of_a_domain_that_is_not_admitted_come_back_untried() -> None:
    told: list[tuple[str, list[str]]] = []

    def admits(domain: str, hosts: Sequence[str]) -> bool:
        told.append((domain, list(hosts)))
        return domain != "there.example"

    lines = [f"{name}.example MX 10 mx.{name}.example." for name in ("shop", "there")]
    lines += [f"mx.{name}.example A 127.0.9.1" for name in ("shop", "there")]
    batch = [*letters(2), *letters(2, "there.example")]
    async with (
        scripted(dict(FRIENDLY), host="127.0.9.1") as script,
        nameserver(*lines) as names,
    ):
        post = await carry(batch, names=names.address, port=script.port, admits=admits)
    assert [letter.domain for letter in post.left] == ["there.example"] * 2
    assert [name for name, _ in post.reported] == ["u0@shop.example", "u1@shop.example"]
    assert sorted(told) == [
        ("shop.example", ["mx.shop.example"]),
        ("there.example", ["mx.there.example"]),
    ]
