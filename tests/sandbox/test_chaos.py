"""The drill's own eyes: how it counts copies, and when it is content."""

from collections import Counter
from typing import Any

import pytest

from delivery import composition
from delivery.reconcile import Books
from delivery.states import DeliveryState
from sandbox.chaos import delivery as drill
from sandbox.chaos import sink as sinks
from sandbox.chaos.sink import Seen
from tests.support.smtp_lines import say

KEYS = [(30_000_000 << 32) + number for number in range(3)]
IDS = [composition.message_id(key, "bench.example") for key in KEYS]


def seen(*copies: int, dropped: tuple[int, ...] = ()) -> Seen:
    """How often each message came, and how often it was not answered."""
    ids = Counter(dict(zip(IDS, copies, strict=False)))
    return Seen(+ids, Counter(dict(zip(IDS, dropped, strict=False))))


def books(**states: int) -> Books:
    known = dict.fromkeys(DeliveryState.values, 0) | states
    return Books(1, sum(known.values()), known, (), 0)


def judged(found: Seen, counted: Books, *, open_connections: int = 1) -> dict[str, Any]:
    told = {"count": 3, "open_connections_at_kills": open_connections}
    result = drill.judge(told, counted, found, accepted=set(KEYS))
    return {"ok": result.ok, **result.figures}


@pytest.mark.parametrize(
    ("copies", "dropped", "repeats", "duplicates"),
    [
        ((1, 1, 1), (), 0, 0),
        ((2, 1, 1), (1,), 1, 0),  # sent again because nobody answered
        ((2, 1, 1), (), 0, 1),
        ((3, 1, 1), (1,), 1, 1),
        ((1, 1, 1), (1,), 0, 0),  # dropped, and refused or expired since
        ((3, 2, 1), (2, 0), 2, 1),
    ],
)
def test_a_copy_after_a_drop_is_counted_apart(
    copies: tuple[int, ...], dropped: tuple[int, ...], repeats: int, duplicates: int
) -> None:
    found = seen(*copies, dropped=dropped)
    assert (found.repeats_after_drop, found.duplicates) == (repeats, duplicates)


def test_all_accepted_once_is_content() -> None:
    told = judged(seen(1, 1, 1), books(accepted=3))
    assert (told["ok"], told["lost"], told["duplicates"]) == (True, 0, 0)
    assert told["states"] == {"accepted": 3}


def test_duplicates_may_be_as_many_as_open_connections() -> None:
    assert judged(seen(2, 1, 1), books(accepted=3))["ok"]
    assert not judged(seen(2, 2, 1), books(accepted=3))["ok"]


def test_an_accepted_message_that_never_arrived_is_lost() -> None:
    told = judged(seen(1, 1), books(accepted=3))
    assert (told["ok"], told["lost"]) == (False, 1)


def test_a_delivery_that_did_not_end_is_lost() -> None:
    told = judged(seen(1, 1, 1), books(accepted=2, deferred=1))
    assert (told["ok"], told["lost"]) == (False, 1)


def test_the_receiver_tells_what_came_and_what_it_did_not_answer() -> None:
    with sinks.receiver(drop=0.0) as calm:
        say(calm.host, calm.port, "<a@x>", "<b@x>", "<a@x>")
        assert calm.end() == Seen(Counter({"<a@x>": 2, "<b@x>": 1}), Counter())
    with sinks.receiver(drop=1.0) as rude:
        say(rude.host, rude.port, "<a@x>")
        assert rude.end() == Seen(Counter({"<a@x>": 1}), Counter({"<a@x>": 1}))
