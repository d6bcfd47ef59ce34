"""Listings on record: one row for both sources, a history of moves, nothing for what is clear."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from blacklist import listings
from blacklist.catalogue import Impact
from blacklist.listing_rules import Answer, Evidence, Replies
from blacklist.listing_states import Channel, ListingState
from blacklist.listings import Observation, WrongMove
from blacklist.models import Listing, ListingMove
from customers.models import Person

pytestmark = pytest.mark.django_db
ZEN, IP = "zen.spamhaus.org", "192.0.2.1"
ENOUGH = Replies(count=3, hosts=2)


def seen(answer: Answer = Answer.UNKNOWN, **fields: Any) -> Observation:
    """An answer of the list."""
    values: dict[str, Any] = {
        "resource": IP, "blocklist": ZEN, "impact": Impact.CRITICAL, "channel": Channel.DNS,
        "evidence": Evidence(answer), "is_check": True,
    }  # fmt: skip
    return Observation(**values | fields)


def heard(now: datetime, count: int = 3, **fields: Any) -> Observation:
    """Replies of receivers."""
    return seen(
        evidence=Evidence(replies=ENOUGH), channel=Channel.SMTP, is_check=False,
        new_replies=count, first_reply_at=now - timedelta(seconds=9), last_reply_at=now,
        destinations=("gmail",), **fields,
    )  # fmt: skip


def listed(*codes: str, **fields: Any) -> Observation:
    return seen(Answer.LISTED, codes=codes or ("127.0.0.2",), text="reason", **fields)


def states() -> list[tuple[str, str]]:
    return list(ListingMove.objects.order_by("id").values_list("after", "channel"))


@pytest.mark.parametrize(
    "observation",
    [seen(), seen(Answer.CLEAN), seen(evidence=Evidence(replies=Replies(2, 2)))],
)
def test_what_is_clear_leaves_no_trace(observation: Observation, now: datetime) -> None:
    assert listings.observe([observation], now=now) == []
    assert not Listing.objects.exists()


def test_both_sources_are_in_one_record(now: datetime) -> None:
    listings.observe([heard(now, lookup_url="https://check.spamhaus.org/")], now=now)
    listings.observe([listed("127.0.0.3")], now=now)
    row = Listing.objects.get()
    assert (row.state, row.opened_by, row.replies, row.destinations) == (
        "listed", "smtp", 3, ["gmail"],
    )  # fmt: skip
    assert row.opened_at == now - timedelta(seconds=9)
    assert (row.codes, row.text, row.listed_at) == (["127.0.0.3"], "reason", now)
    assert row.lookup_url == "https://check.spamhaus.org/"
    assert states() == [("suspected", "smtp"), ("listed", "dns")]
    last = ListingMove.objects.latest("id")
    assert last.by == "blocklist watch"
    assert last.evidence["codes"] == ["127.0.0.3"]


def test_a_suspicion_of_receivers_is_to_be_asked_about_at_once(now: datetime) -> None:
    listings.observe([heard(now)], now=now)
    assert Listing.objects.get().next_check_at == now


def test_more_replies_count_and_do_not_put_off_the_next_look(now: datetime) -> None:
    listings.observe([heard(now)], now=now)
    listings.observe([listed(floor=timedelta(minutes=5))], now=now)
    due = now + timedelta(minutes=5)
    later = now + timedelta(minutes=4)
    listings.observe([heard(later, count=7)], now=later)
    row = Listing.objects.get()
    assert (row.replies, row.last_reply_at, row.next_check_at) == (10, later, due)


def test_no_answer_is_noted_and_moves_nothing(now: datetime) -> None:
    listings.observe([heard(now), listed()], now=now)
    later = now + timedelta(hours=1)
    listings.observe([seen(why="zen.spamhaus.org refuses to answer us")], now=later)
    row = Listing.objects.get()
    assert (row.state, row.answered_at) == ("listed", now)
    assert row.unanswered_why == "zen.spamhaus.org refuses to answer us"
    listings.observe([listed()], now=later)
    row.refresh_from_db()
    assert (row.answered_at, row.unanswered_why) == (later, "")


def test_the_codes_say_how_grave_it_is_and_silence_does_not(now: datetime) -> None:
    minor = replace(listed("127.0.0.10"), impact=Impact.MAJOR)
    listings.observe([heard(now), minor], now=now)
    listings.observe([seen(Answer.CLEAN), seen(), heard(now)], now=now)
    assert Listing.objects.get().impact == "major"


def test_a_new_episode_begins_with_a_clean_sheet(now: datetime) -> None:
    listings.observe([heard(now), listed()], now=now)
    for minute in range(5, 25, 5):
        listings.observe([seen(Answer.CLEAN)], now=now + timedelta(minutes=minute))
    row = Listing.objects.get()
    assert (row.state, row.next_check_at, row.codes) == ("clear", None, ["127.0.0.2"])
    again = now + timedelta(days=1)
    listings.observe([listed("127.0.0.4")], now=again)
    row.refresh_from_db()
    assert (row.state, row.opened_by, row.opened_at) == ("suspected", "dns", again)
    assert (row.replies, row.listed_at, row.codes) == (0, None, ["127.0.0.4"])
    assert row.destinations == []


def test_many_are_written_at_once(now: datetime, django_assert_max_num_queries: Any) -> None:
    many = [
        Observation(
            resource=f"192.0.2.{number}", blocklist=ZEN, impact=Impact.CRITICAL,
            channel=Channel.DNS, evidence=Evidence(Answer.LISTED), is_check=True,
        )
        for number in range(1, 138)
    ]  # fmt: skip
    with django_assert_max_num_queries(137 * 4 + 10):
        assert len(listings.observe(many, now=now)) == 137
    with django_assert_max_num_queries(137 * 4 + 10):
        listings.observe(many, now=now + timedelta(seconds=1))
    assert listings.open_ones().filter(state="listed").count() == 137


def test_a_person_may_move_a_listing_and_is_named(now: datetime, root: Person) -> None:
    listings.observe([heard(now), listed()], now=now)
    row = Listing.objects.get()
    listings.move(
        listing=row, to=ListingState.CLEARING, channel=Channel.PERSON, by=root, now=now,
        why="the operator wrote that it is removed",
    )  # fmt: skip
    last = row.moves.latest("id")
    assert (last.person, last.by, last.before, last.after) == (
        root, str(root), "listed", "clearing",
    )  # fmt: skip
    assert Listing.objects.get().state == "clearing"


def move_to(row: Listing, to: ListingState, now: datetime) -> None:
    listings.move(listing=row, to=to, channel=Channel.PERSON, by="test", now=now)


def test_a_move_that_is_none_is_refused(now: datetime) -> None:
    listings.observe([heard(now), listed()], now=now)
    with pytest.raises(WrongMove, match="cannot become clear; from listed it may become clearing"):
        move_to(Listing.objects.get(), ListingState.CLEAR, now)


def test_of_two_who_move_it_one_wins(now: datetime) -> None:
    listings.observe([heard(now), listed()], now=now)
    first, second = Listing.objects.get(), Listing.objects.get()
    move_to(first, ListingState.CLEARING, now)
    with pytest.raises(WrongMove, match="has just been moved by somebody else; look again"):
        move_to(second, ListingState.CLEARING, now)
    assert str(first) == f"{IP} on {ZEN}: clearing"
    assert str(first.moves.latest("id")).endswith("listed -> clearing (person)")
