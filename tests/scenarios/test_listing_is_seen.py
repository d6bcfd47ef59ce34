"""A blocklist takes one of our addresses: receivers say so, the list is asked, it is on record."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from blacklist.models import Listing, ListingMove
from delivery.models import Attempt, ListingEvidence
from sandbox import scenario
from sandbox.internet import Sandbox
from tests.support.platform import make_customer, make_list, make_mailing, make_pool
from tests.support.watching import Clock, ask_only, keep_watch

ZEN = "zen.spamhaus.org"
IP = "127.0.10.1"
MX = {"mx1.refuse.example": "127.6.0.1", "mx2.refuse.example": "127.6.0.2"}


def refusing(text: str) -> scenario.Scenario:
    """Two domains, each with a host of its own, that refuse everybody with the same words."""
    behaviour = {"kind": "refuse", "code": 554, "text": text}
    return scenario.parse(
        {
            "host": [{"name": name, "address": address} for name, address in MX.items()],
            "domain": [
                {"name": f"d{n}.example", "mx": [[10, name]], "behaviour": behaviour}
                for n, name in enumerate(MX)
            ],
            "blocklist": [{"zone": ZEN}, {"zone": "bl.spamcop.net"}],
        }
    )


@pytest.fixture(scope="module")
def shared_box() -> Iterator[Sandbox]:
    """In place of the scenarios' usual one."""
    with Sandbox(refusing(f"5.7.1 Service unavailable; client blocked using {ZEN}")) as box:
        yield box


@pytest.fixture
def listing_box(box: Sandbox) -> Iterator[Sandbox]:
    """With our address on the list, for this test."""
    box.blocklists.enter(ZEN, IP, "127.0.0.3", text="https://check.spamhaus.org/?q=CSS")
    yield box
    box.blocklists.remove(ZEN, IP)


def send_mail(work: Callable[[], int], *, each: int = 3) -> None:
    customer = make_customer("Asagao", make_pool("Sakura", IP))
    addresses = [f"u{n}@d{d}.example" for n in range(each) for d in range(len(MX))]
    people = make_list(customer, addresses, attributes={"name": "花子"})
    make_mailing(customer, people, now=timezone.now())
    work()
    assert Attempt.objects.filter(matched_list=ZEN).count() == each * len(MX)


def states() -> list[str]:
    return [move.after for move in ListingMove.objects.order_by("id")]


@pytest.mark.scenario
def test_replies_and_the_list_together_make_a_listing_at_once(
    listing_box: Sandbox, work: Callable[[], int], valkey: Any
) -> None:
    ask_only(ZEN)
    send_mail(work)
    keep_watch(listing_box.dns, step={"seconds": 1})
    listing = Listing.objects.get()
    assert (listing.resource, listing.blocklist, listing.state) == (IP, ZEN, "listed")
    assert (listing.opened_by, listing.replies, listing.impact) == ("smtp", 6, "critical")
    assert (listing.codes, listing.text) == (["127.0.0.3"], "https://check.spamhaus.org/?q=CSS")
    assert states() == ["suspected", "listed"]
    assert listing.opened_at == ListingEvidence.objects.earliest("at").at


@pytest.mark.scenario
def test_without_mail_the_sweep_sees_it_and_asks_twice(listing_box: Sandbox, engine: Any) -> None:
    ask_only(ZEN)
    make_pool("Sakura", IP)
    keep_watch(listing_box.dns, turns=2)
    listing = Listing.objects.get()
    assert (listing.state, listing.opened_by, listing.replies) == ("listed", "dns", 0)
    assert [move.channel for move in listing.moves.order_by("id")] == ["dns", "dns"]


@pytest.mark.scenario
def test_it_is_clear_when_answers_stay_clean_and_receivers_are_quiet(
    listing_box: Sandbox, engine: Any
) -> None:
    ask_only(ZEN)
    make_pool("Sakura", IP)
    clock = Clock()

    def delist(turn: int) -> None:
        if turn == 2:
            listing_box.blocklists.remove(ZEN, IP)

    keep_watch(listing_box.dns, turns=15, clock=clock, step={"minutes": 3}, between=delist)
    assert states() == ["suspected", "listed", "clearing", "clear"]
    listing = Listing.objects.get()
    assert listing.next_check_at is None
    cleared, clearing = (listing.moves.get(after=state).at for state in ("clear", "clearing"))
    assert (cleared - clearing).total_seconds() >= 600
