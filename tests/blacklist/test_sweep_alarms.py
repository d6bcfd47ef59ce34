"""False alarms: broken lists, lying resolvers and replies about others never make a listing."""

from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from blacklist.models import Listing, ListSweep
from delivery.models import ListingEvidence, Pool
from sandbox.dnsbl import FaultKind, ListFault
from sandbox.internet import Sandbox
from sandbox.scenario import Blocklist, Host, Scenario
from tests.support.platform import make_customer, make_pool
from tests.support.watching import Clock, ask_only, keep_watch

ZEN, SPAMCOP, IP = "zen.spamhaus.org", "bl.spamcop.net", "127.0.10.1"
BOX = Scenario(
    (Host("mx.r.example", "127.6.1.1"),), {}, blocklists=(Blocklist(ZEN), Blocklist(SPAMCOP))
)


@pytest.fixture(scope="module")
def lists() -> Any:
    with Sandbox(BOX) as box:
        yield box


@pytest.fixture
def pool(transactional_db: None, valkey: Any) -> Pool:
    ask_only(ZEN)
    return make_pool("Sakura", IP, "127.0.10.2")


def make_evidence(pool: Pool, count: int = 20, **fields: Any) -> None:
    values: dict[str, Any] = {
        "at": timezone.now(), "customer": make_customer("Asagao"), "pool": pool, "source": IP,
        "destination": "gmail", "category": "ip-listed", "blamed": "platform",
        "matched_list": ZEN, "resource": "", "lookup_url": "", "state": "refused",
    }  # fmt: skip
    for number in range(count):
        ListingEvidence.objects.create(delivery_id=number, **values | fields)


@pytest.mark.scenario
@pytest.mark.parametrize(
    ("kind", "address", "trouble"),
    [
        ("refuses", "", "refused"),
        ("answers", "127.0.0.2", "lists-all"),
        ("answers", "127.255.255.254", "refused"),
        ("answers", "127.0.0.1", "odd-code"),
        ("answers", "127.0.1.255", "odd-code"),
        ("rewrites", "10.0.0.1", "rewritten"),
        ("empty", "", "lists-none"),
        ("fails", "", "failing"),
        ("silent", "", "no-answer"),
    ],
)
def test_a_broken_list_lists_nobody_and_is_named(
    lists: Sandbox, pool: Pool, kind: FaultKind, address: str, trouble: str
) -> None:
    lists.blocklists.break_down(ZEN, ListFault(kind, address=address))
    notices = keep_watch(lists.dns, turns=3, timeout=0.05)
    lists.blocklists.break_down(ZEN, None)
    assert not Listing.objects.exists()
    row = ListSweep.objects.get()
    assert (row.ident, row.trouble, row.swept_until) == (ZEN, trouble, None)
    assert trouble in [notice.trouble for notice in notices]


@pytest.mark.scenario
def test_of_a_list_that_loses_half_the_questions_nothing_is_believed_in_haste(
    lists: Sandbox, pool: Pool
) -> None:
    lists.blocklists.break_down(ZEN, ListFault("loses"))
    keep_watch(lists.dns, turns=3, timeout=0.05)
    lists.blocklists.break_down(ZEN, None)
    assert not Listing.objects.exists()


@pytest.mark.scenario
@pytest.mark.parametrize(
    "fields",
    [
        {"category": "greylist", "matched_list": "", "blamed": "receiver"},
        {"category": "recipient-policy", "blamed": "recipient"},
        {"category": "rate-limit", "matched_list": ""},
        {"category": "ip-reputation", "matched_list": ""},
        {"resource": "198.51.100.7"},  # the receiver's own resolver
        {"matched_list": "dnsbl.sorbs.net"},  # dead
        {"category": "url-listed", "resource": "shop.example"},
        {"at": datetime.fromisoformat("2026-01-02T00:00:00Z")},  # long ago
    ],
)
def test_replies_that_are_not_about_us_suspect_nobody(
    lists: Sandbox, pool: Pool, fields: dict[str, Any]
) -> None:
    make_evidence(pool, **fields)
    keep_watch(lists.dns)
    assert not Listing.objects.exists()


@pytest.mark.scenario
def test_one_host_alone_suspects_nobody(lists: Sandbox, pool: Pool) -> None:
    make_evidence(pool)  # without attempts they all come from one unknown host
    keep_watch(lists.dns)
    assert not Listing.objects.exists()


@pytest.mark.scenario
def test_a_reply_that_names_the_resource_on_a_critical_list_is_enough_to_ask(
    lists: Sandbox, pool: Pool
) -> None:
    make_evidence(pool, count=1, resource="127.0.10.2", lookup_url="https://check.spamhaus.org/")
    keep_watch(lists.dns, turns=2)
    row = Listing.objects.get()
    assert (row.resource, row.state, row.replies) == ("127.0.10.2", "suspected", 1)
    assert (row.clean_answers, row.listed_answers) >= (1, 0)
    assert row.lookup_url == "https://check.spamhaus.org/"


@pytest.mark.scenario
def test_a_provider_without_a_zone_is_believed_when_many_replies_say_so(
    lists: Sandbox, pool: Pool
) -> None:
    name = "Microsoft consumer (Outlook.com) block"
    make_evidence(pool, count=5, matched_list="Microsoft internal list")
    clock = Clock()
    keep_watch(lists.dns, clock=clock)
    assert [(row.blocklist, row.state) for row in Listing.objects.all()] == [(name, "suspected")]
    make_evidence_again(count=10, matched_list="Microsoft internal list")
    keep_watch(lists.dns, turns=2, clock=clock)
    row = Listing.objects.get()
    assert (row.state, row.replies, row.impact) == ("listed", 15, "critical")


def make_evidence_again(count: int, **fields: Any) -> None:
    first = ListingEvidence.objects.earliest("id")
    for number in range(count):
        values = {field.name: getattr(first, field.name) for field in first._meta.fields
                  if field.name not in {"id", "customer", "pool", "ip"}}  # fmt: skip
        values |= {"customer_id": first.customer_id, "pool_id": first.pool_id}
        later = {"at": timezone.now(), "delivery_id": 1000 + number}
        ListingEvidence.objects.create(**values | later | fields)
