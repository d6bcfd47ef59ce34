"""A list that nobody can ask lets go of us when its receivers take our mail again."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from blacklist import evidence_reading
from blacklist.evidence_acceptance import ENOUGH, is_taken_again
from blacklist.listing_rules import POLICY
from blacklist.models import Listing
from blacklist.watch_memory import Memory
from delivery import counters
from delivery.consequences_events import Event
from delivery.models import ListingEvidence, SendingIp
from tests.support.platform import make_customer, make_pool
from wire.replies import Party, Permanence, Verdict

pytestmark = pytest.mark.django_db
IP, MICROSOFT = "127.0.10.1", "Microsoft consumer (Outlook.com) block"
TAKEN = Verdict("accepted", Permanence.permanent, Party.unknown)


@pytest.fixture
def ip() -> SendingIp:
    make_pool("Sakura", IP)
    return SendingIp.objects.get()


def make_listing(now: datetime, resource: str = IP, **fields: Any) -> Listing:
    values: dict[str, Any] = {
        "resource": resource, "blocklist": MICROSOFT, "state": "listed", "since": now,
        "opened_at": now, "opened_by": "smtp", "impact": "critical", "replies": 12,
        "last_reply_at": now, "destinations": ["outlook"], "next_check_at": now,
    }  # fmt: skip
    return Listing.objects.create(**values | fields)


def accept(ip: SendingIp, count: int, *, at: datetime, destination: str = "outlook") -> None:
    counters.append(
        [
            Event(
                at=at, customer_id=1, delivery_id=number, contact_id=None, key="a@outlook.example",
                destination=destination, pool_id=ip.pool_id, ip_id=ip.pk, source=IP,
                state="accepted", judged=TAKEN,
            )
            for number in range(count)
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ((ENOUGH, 6, "outlook"), True),
        ((ENOUGH - 1, 6, "outlook"), False),
        ((ENOUGH, 0, "outlook"), False),  # perhaps before the last refusal
        ((ENOUGH, 6, "gmail"), False),
    ],
)
def test_mail_accepted_after_the_last_refusal_counts(
    ip: SendingIp, now: datetime, accepted: tuple[int, int, str], expected: bool
) -> None:
    count, minutes, destination = accepted
    accept(ip, count, at=now + timedelta(minutes=minutes), destination=destination)
    listing = make_listing(now)
    assert is_taken_again(listing, now=now + timedelta(minutes=10)) is expected


def test_a_domain_is_taken_again_with_the_mail_of_its_pools(ip: SendingIp, now: datetime) -> None:
    accept(ip, ENOUGH, at=now + timedelta(minutes=6))
    for name in ("sakura.mail.example", "bounce.sakura.mail.example", "mx.sakura.mail.example"):
        assert is_taken_again(make_listing(now, name), now=now + timedelta(minutes=10))
    other = make_listing(now, "asagao.example")
    assert not is_taken_again(other, now=now + timedelta(minutes=10))


def test_without_a_refusal_or_time_after_it_nothing_is_concluded(
    ip: SendingIp, now: datetime
) -> None:
    assert not is_taken_again(make_listing(now), now=now)
    silent = make_listing(now, "127.0.10.2", last_reply_at=None)
    assert not is_taken_again(silent, now=now + timedelta(hours=1))


def test_the_watch_clears_it_in_steps_without_a_question(ip: SendingIp, now: datetime) -> None:
    listing = make_listing(now)
    memory = Memory()
    seen = []
    for step in range(1, 7):
        at = now + timedelta(minutes=6 * step)
        accept(ip, ENOUGH, at=at - timedelta(seconds=30))
        around = memory.surroundings(now=at)
        assert memory.hear(around, now=at) == []
        listing.refresh_from_db()
        seen.append(listing.state)
    assert seen[-1] == "clear"
    assert "clearing" in seen
    assert {move.channel for move in listing.moves.all()} == {"smtp"}
    assert listing.moves.latest("id").why == "receivers take the mail again"


def test_without_mail_it_stays_listed(ip: SendingIp, now: datetime) -> None:
    listing = make_listing(now)
    memory = Memory()
    for step in range(1, 5):
        at = now + timedelta(minutes=10 * step)
        memory.hear(memory.surroundings(now=at), now=at)
    listing.refresh_from_db()
    assert (listing.state, listing.next_check_at) == ("listed", at + counters.BUCKET)


def make_evidence(now: datetime, **fields: Any) -> ListingEvidence:
    customer = make_customer(f"C{ListingEvidence.objects.count()}")
    values: dict[str, Any] = {
        "at": now, "delivery_id": 1, "customer": customer,
        "source": IP, "destination": "outlook", "category": "ip-listed", "blamed": "platform",
        "matched_list": "Microsoft internal list", "resource": "", "lookup_url": "",
        "state": "refused",
    }  # fmt: skip
    return ListingEvidence.objects.create(**values | fields)


def test_evidence_is_read_once_and_only_what_speaks_of_lists(now: datetime) -> None:
    first = make_evidence(now)
    make_evidence(now, category="rate-limit")
    make_evidence(now - timedelta(minutes=6))
    last = make_evidence(now)
    batch = evidence_reading.read(after=0, since=now - POLICY.within)
    assert [(one.count, one.at, one.blocklist) for one in batch.replies] == [
        (2, now, "Microsoft internal list"),
    ]  # fmt: skip
    assert batch.last_id == last.pk > first.pk
    again = evidence_reading.read(after=batch.last_id, since=now - POLICY.within)
    assert (again.replies, again.last_id) == ([], last.pk)


def test_a_new_process_counts_no_reply_twice(ip: SendingIp, now: datetime) -> None:
    for _ in range(4):
        make_evidence(now)
    for at in (now, now + timedelta(seconds=70)):
        memory = Memory()
        memory.hear(memory.surroundings(now=at), now=at)
        memory.hear(memory.surroundings(now=at), now=at)
    assert Listing.objects.get().replies == 4
    make_evidence(now + timedelta(seconds=80))
    at = now + timedelta(seconds=80)
    memory.hear(memory.surroundings(now=at), now=at)
    assert Listing.objects.get().replies == 5
