"""The states of a listing: what moves it, what must not."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blacklist.listing_rules import (
    Answer,
    Evidence,
    Replies,
    Standing,
    answer_of,
    is_stale,
    next_check,
    next_state,
    taken_in,
)
from blacklist.listing_states import MOVES, ListingState
from wire.dnsbl import Clean, Listed, Refused, Trouble, Unknown

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
CLEAR, SUSPECTED, LISTED, CLEARING = ListingState
SAYS_LISTED, SAYS_CLEAN = Evidence(Answer.LISTED), Evidence(Answer.CLEAN)
ENOUGH = Replies(count=3, hosts=2)


def after(standing: Standing, evidence: Evidence, *, at: datetime = NOW) -> ListingState:
    return next_state(taken_in(standing, evidence, now=at), evidence, now=at)


@pytest.mark.parametrize(
    ("replies", "critical", "expected"),
    [
        (Replies(count=3, hosts=2), False, SUSPECTED),
        (Replies(count=2, hosts=2), False, CLEAR),  # too few
        (Replies(count=50, hosts=1), False, CLEAR),  # one host may have a list of its own
        (Replies(count=1, hosts=1, named=1), True, SUSPECTED),
        (Replies(count=1, hosts=1, named=0), True, CLEAR),
        (Replies(count=1, hosts=1, named=1), False, CLEAR),
    ],
)
def test_enough_replies_make_a_suspicion(
    replies: Replies, critical: bool, expected: ListingState
) -> None:
    assert after(Standing(), Evidence(replies=replies, is_critical=critical)) is expected


def test_a_provider_speaks_with_one_voice_of_its_own_list() -> None:
    said = Replies(count=3, hosts=1)
    assert after(Standing(), Evidence(replies=said, has_one_voice=True)) is SUSPECTED


def test_an_answer_alone_is_asked_for_again() -> None:
    first = after(Standing(), SAYS_LISTED)
    assert first is SUSPECTED
    assert after(Standing(SUSPECTED, listed_answers=1), SAYS_LISTED) is LISTED


def test_an_answer_confirms_what_receivers_said() -> None:
    assert after(Standing(SUSPECTED, replies=3), SAYS_LISTED) is LISTED


@pytest.mark.parametrize("state", list(ListingState))
def test_no_answer_moves_nothing(state: ListingState) -> None:
    standing = Standing(
        state, listed_answers=1, clean_answers=2, clean_since=NOW - timedelta(hours=1)
    )
    for can_be_asked in (True, False):
        evidence = Evidence(Answer.UNKNOWN, can_be_asked=can_be_asked)
        assert taken_in(standing, evidence, now=NOW) == standing
        assert after(standing, evidence) is state


@pytest.mark.parametrize(
    ("count", "hosts", "can_be_asked", "expected"),
    [(10, 2, False, LISTED), (9, 2, False, SUSPECTED), (10, 1, False, SUSPECTED),
     (500, 9, True, SUSPECTED)],
)  # fmt: skip
def test_replies_confirm_only_where_the_list_cannot_be_asked(
    count: int, hosts: int, can_be_asked: bool, expected: ListingState
) -> None:
    evidence = Evidence(replies=Replies(count, hosts), can_be_asked=can_be_asked)
    assert after(Standing(SUSPECTED, replies=count), evidence) is expected


def test_a_clean_answer_begins_the_clearing_and_a_listing_one_ends_it() -> None:
    assert after(Standing(LISTED), SAYS_CLEAN) is CLEARING
    assert after(Standing(CLEARING, clean_answers=2), SAYS_LISTED) is LISTED


CLEAN_FOR_LONG = Standing(CLEARING, clean_answers=2, clean_since=NOW - timedelta(minutes=10))


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (CLEAN_FOR_LONG, CLEAR),
        (replace(CLEAN_FOR_LONG, state=SUSPECTED), CLEAR),
        (replace(CLEAN_FOR_LONG, clean_answers=1), CLEARING),
        (replace(CLEAN_FOR_LONG, clean_since=NOW - timedelta(minutes=9)), CLEARING),
        (replace(CLEAN_FOR_LONG, last_reply_at=NOW - timedelta(minutes=4)), CLEARING),
        (replace(CLEAN_FOR_LONG, last_reply_at=NOW - timedelta(minutes=5)), CLEAR),
    ],
)
def test_it_is_clear_after_enough_clean_answers_over_enough_time_and_silence(
    standing: Standing, expected: ListingState
) -> None:
    assert after(standing, SAYS_CLEAN) is expected


def test_receivers_bring_back_what_cannot_be_asked() -> None:
    said = Evidence(replies=ENOUGH, can_be_asked=False)
    assert after(Standing(CLEARING), said) is LISTED
    assert after(Standing(CLEARING), replace(said, can_be_asked=True)) is CLEARING


def test_a_listing_answer_starts_the_clean_ones_anew() -> None:
    standing = taken_in(CLEAN_FOR_LONG, SAYS_LISTED, now=NOW)
    assert (standing.clean_answers, standing.clean_since) == (0, None)
    again = taken_in(standing, SAYS_CLEAN, now=NOW)
    assert (again.clean_answers, again.clean_since, again.listed_answers) == (1, NOW, 0)


@pytest.mark.parametrize(
    ("standing", "floor", "wait"),
    [
        (Standing(CLEAR), 300, None),
        (Standing(SUSPECTED, listed_answers=1), 300, 1),
        (Standing(SUSPECTED), 300, 300),
        (Standing(LISTED), 300, 300),
        (Standing(CLEARING), 10, 60),
    ],
)
def test_what_is_open_is_asked_about_out_of_turn_within_the_lists_limit(
    standing: Standing, floor: int, wait: int | None
) -> None:
    at = next_check(standing, now=NOW, floor=timedelta(seconds=floor))
    assert at == (None if wait is None else NOW + timedelta(seconds=wait))


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (Listed(("127.0.0.2",)), Answer.LISTED),
        (Clean(), Answer.CLEAN),
        (Refused("no key"), Answer.UNKNOWN),
        (Unknown(Trouble.rewritten, "10.0.0.1"), Answer.UNKNOWN),
        (Unknown(Trouble.no_answer, "time-out"), Answer.UNKNOWN),
    ],
)
def test_only_what_a_list_says_is_an_answer(result: object, answer: Answer) -> None:
    assert answer_of(result) is answer  # type: ignore[arg-type]


def test_what_was_not_answered_for_three_periods_is_stale() -> None:
    cadence = timedelta(minutes=5)
    assert is_stale(None, cadence=cadence, now=NOW)
    assert is_stale(NOW - timedelta(minutes=16), cadence=cadence, now=NOW)
    assert not is_stale(NOW - timedelta(minutes=15), cadence=cadence, now=NOW)


def test_every_state_has_its_moves_and_contributing_draws_them() -> None:
    assert set(MOVES) == set(ListingState)
    text = CONTRIBUTING.read_text(encoding="utf-8")
    diagram = text.partition("#### Listing states")[2].partition("```mermaid")[2]
    drawn = set(re.findall(r"^\s*(\w+) --> (\w+)", diagram.partition("```")[0], re.MULTILINE))
    assert drawn == {(str(a), str(b)) for a, targets in MOVES.items() for b in targets}
