"""What is known of every resource on every list, and how fresh it is."""

import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from blacklist import matrix, sweep_store
from blacklist.models import Listing
from blacklist.sweep_store import Progress
from tests.support.platform import make_pool
from tests.support.watching import ask_only

pytestmark = pytest.mark.django_db
ZEN, IP = "zen.spamhaus.org", "127.0.10.1"
MICROSOFT = "Microsoft consumer (Outlook.com) block"


@pytest.fixture(autouse=True)
def platform() -> None:
    ask_only(ZEN)
    make_pool("Sakura", IP, "127.0.10.2")


def make_listing(now: datetime, **fields: Any) -> Listing:
    values: dict[str, Any] = {
        "resource": IP, "blocklist": ZEN, "state": "listed", "since": now, "opened_at": now,
        "opened_by": "dns", "impact": "critical", "answered_at": now,
    }  # fmt: skip
    return Listing.objects.create(**values | fields)


def swept(now: datetime, **fields: Any) -> None:
    sweep_store.write({ZEN: Progress(now, **fields)}, asked={}, now=now)


def test_what_was_never_asked_about_is_stale(now: datetime) -> None:
    found = matrix.read(now=now)
    assert [(cell.resource, cell.state, cell.is_stale) for cell in found.cells] == [
        (IP, "clear", True), ("127.0.10.2", "clear", True),
    ]  # fmt: skip


def test_an_answer_is_fresh_for_three_cadences(now: datetime) -> None:
    swept(now)
    assert matrix.read(now=now).stale == 0
    assert matrix.read(now=now + timedelta(minutes=21)).stale == 2


def test_who_got_no_answer_is_stale_alone(now: datetime) -> None:
    swept(now, unanswered={IP: None})
    stale = [cell.resource for cell in matrix.read(now=now).cells if cell.is_stale]
    assert stale == [IP]


def test_an_answer_out_of_turn_counts(now: datetime) -> None:
    make_listing(now)
    (cell,) = matrix.read(now=now).open_cells
    assert (cell.resource, cell.told_at, cell.is_stale) == (IP, now, False)


def test_a_list_without_a_zone_has_cells_for_what_is_open(now: datetime) -> None:
    make_listing(now, blocklist=MICROSOFT, answered_at=None, last_reply_at=now)
    (cell,) = matrix.read(now=now).open_cells
    assert (cell.known.name, cell.told_at, cell.is_stale) == (MICROSOFT, now, False)
    assert matrix.read(now=now + timedelta(days=4)).open_cells[0].is_stale


def shown(*arguments: str) -> tuple[str, int]:
    out = io.StringIO()
    try:
        call_command("listings", *arguments, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), int(str(ended.code))
    return out.getvalue(), 0


def test_the_command_names_what_is_open_and_who_tells_nothing() -> None:
    now = timezone.now()
    assert shown()[1] == 0
    make_listing(now)
    swept(now, trouble="refused", why="zen.spamhaus.org refuses", trouble_since=now)
    text, code = shown()
    assert code == 1
    first, second, last = text.splitlines()
    assert first.split()[:3] == ["listed", IP, ZEN]
    assert second == "zen.spamhaus.org tells nothing: zen.spamhaus.org refuses"
    assert last.startswith("2 pairs of resource and list, 1 of them not clear, 0 without")


def test_the_command_tells_machines_in_one_line() -> None:
    make_listing(timezone.now() - timedelta(days=1), state="suspected")
    text, code = shown("--json")
    assert code == 0
    assert json.loads(text) == {
        "pairs": 2, "stale": 2, "in_trouble": {},
        "open": [{"resource": IP, "list": ZEN, "state": "suspected", "impact": "critical",
                  "stale": True}],
    }  # fmt: skip
