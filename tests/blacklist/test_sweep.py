"""The sweep's rota: everybody in turn, evenly, and what is known of whom."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from blacklist import sweep_store
from blacklist.catalogue import Impact
from blacklist.known_lists import Known
from blacklist.listing_states import Channel
from blacklist.models import ListSweep
from blacklist.resources import Resource, Role
from blacklist.sweep import Rota, answered_at, last_turn
from blacklist.sweep_store import Progress
from blacklist.watch_results import (
    Answered,
    from_list,
    gone_on,
    is_out_of_use,
    worth_writing,
)
from wire.dnsbl import Clean, Health, Kind, Listed, Refused, Rule, Trouble, Unknown, target

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
STEP = timedelta(seconds=4)
RULE = Rule("bl.example", "bl.example", frozenset({Kind.ip4}), {"127.0.0.2": "listed"})
CADENCE = timedelta(minutes=5)
LIST = Known("bl.example", Impact.CRITICAL, CADENCE, RULE)


def resource(text: str, role: Role = Role.SENDING_IP) -> Resource:
    return Resource(text, target(text), frozenset({role}))


IPS = [resource(f"192.0.2.{number}") for number in range(1, 138)]
ONE = IPS[0]


def test_in_one_cadence_everybody_is_asked_once_and_evenly() -> None:
    rota = Rota(LIST, IPS)
    asked: Counter[str] = Counter()
    most = 0
    at = NOW
    while at < NOW + CADENCE:
        due = rota.due(since=at, until=at + STEP)
        asked.update(one.text for one in due)
        most = max(most, len(due))
        at += STEP
    assert set(asked) == {one.text for one in IPS}
    assert set(asked.values()) == {1}
    assert most < 12  # of 137 in 75 steps


@pytest.mark.parametrize("since", [None, NOW - CADENCE, NOW - timedelta(days=3)])
def test_after_a_long_gap_everybody_is_asked_at_once(since: datetime | None) -> None:
    assert len(Rota(LIST, IPS).due(since=since, until=NOW)) == len(IPS)


def test_a_list_is_asked_only_about_its_kinds() -> None:
    mixed = [*IPS, resource("mail.example", Role.HELO), resource("2001:db8::7")]
    assert len(Rota(LIST, mixed).due(since=None, until=NOW)) == len(IPS)
    assert Rota(Known("Provider", Impact.MAJOR), mixed).due(since=None, until=NOW) == []


def test_nobody_is_due_twice_in_the_same_moment() -> None:
    turn = last_turn(LIST, ONE.text, before=NOW)
    rota = Rota(LIST, [ONE])
    assert rota.due(since=turn - STEP, until=turn + STEP) == [ONE]
    assert rota.due(since=turn + STEP, until=turn + 2 * STEP) == []


def answers(result: object, *who: Resource) -> list[Answered]:
    return [Answered(LIST, one, result) for one in who]  # type: ignore[arg-type]


def go_on(
    before: Progress, said: list[Answered], *, until: datetime = NOW, is_silent: bool = False
) -> Progress:
    return gone_on(LIST, before, said, is_silent=is_silent, until=until, now=NOW)


HEALTHY, OUT = (Health(trouble, "", True, 0, 0) for trouble in (None, Trouble.no_answer))


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        ({("", "a"): HEALTHY, ("bl.example", "a"): OUT}, True),
        ({("", "a"): OUT}, True),
        ({("", "a"): HEALTHY, ("bl.example", "a"): HEALTHY}, False),
        ({("", "a"): OUT, ("", "b"): HEALTHY, ("bl.example", "b"): HEALTHY}, False),
        ({("", "a"): HEALTHY, ("other.example", "a"): OUT}, False),
    ],
)
def test_a_list_is_out_of_use_when_no_resolver_has_it_proved(
    health: dict[tuple[str, str], Health], expected: bool
) -> None:
    assert is_out_of_use(LIST, health) is expected


def test_a_silent_list_stays_where_it_is_and_says_since_when() -> None:
    before = Progress(swept_until=NOW)
    silent = answers(Refused("bl.example refuses"), *IPS)
    after = go_on(before, silent, is_silent=True)
    assert (after.swept_until, after.trouble, after.trouble_since) == (NOW, "refused", NOW)
    later = go_on(after, silent, is_silent=True)
    assert later.trouble_since == NOW
    back = go_on(later, answers(Clean(), *IPS), until=NOW + STEP)
    assert (back.swept_until, back.trouble, back.why) == (NOW + STEP, "", "")


def test_who_got_no_answer_keeps_the_time_of_the_last_one() -> None:
    lost = answers(Unknown(Trouble.no_answer, "time-out"), ONE)
    found = answers(Clean(), *IPS[1:])
    after = go_on(Progress(NOW), lost + found, until=NOW + CADENCE)
    last = last_turn(LIST, ONE.text, before=NOW)
    told = answered_at(LIST, ONE.text, swept_until=NOW + CADENCE, unanswered=after.unanswered)
    assert told == last <= NOW
    assert list(after.unanswered) == [ONE.text]
    other = answered_at(LIST, "192.0.2.9", swept_until=NOW + CADENCE, unanswered={})
    assert other is not None
    assert NOW < other <= NOW + CADENCE
    healed = go_on(after, answers(Clean(), ONE), until=NOW + 2 * CADENCE)
    assert healed.unanswered == {}


def test_who_never_got_an_answer_is_not_said_to_have_had_one() -> None:
    lost = answers(Unknown(Trouble.no_answer, "time-out"), ONE)
    after = go_on(Progress(), lost + answers(Clean(), IPS[1]))
    assert answered_at(LIST, ONE.text, swept_until=NOW, unanswered=after.unanswered) is None


def test_only_news_is_worth_writing() -> None:
    said = [*answers(Listed(("127.0.0.2",)), ONE), *answers(Clean(), *IPS[1:])]
    assert worth_writing(said, {}) == said[:1]
    assert worth_writing(said, {said[3].key: object()}) == [said[0], said[3]]


def test_a_customers_domain_is_for_information_only() -> None:
    one = Answered(LIST, resource("asagao.example", Role.FROM), Listed(("127.0.0.2",), "why"))
    seen = from_list(one)
    assert (seen.is_ours, seen.channel, seen.text) == (False, Channel.DNS, "why")


@pytest.mark.django_db
def test_progress_outlives_the_process_in_one_row_a_list() -> None:
    progress = {
        "bl.example": Progress(NOW, {"192.0.2.1": None}),
        "dead.example": Progress(None, {}, "no-answer", "time-out", NOW),
    }
    sweep_store.write(progress, asked={"bl.example": 137}, now=NOW)
    assert sweep_store.read() == progress
    assert sweep_store.asked_today(NOW) == {"bl.example": 137, "dead.example": 0}
    assert sweep_store.asked_today(NOW + timedelta(days=1)) == {}
    sweep_store.write({"bl.example": Progress(NOW + STEP)}, asked={"bl.example": 140}, now=NOW)
    assert ListSweep.objects.count() == 2
    assert sweep_store.read()["bl.example"] == Progress(NOW + STEP)
