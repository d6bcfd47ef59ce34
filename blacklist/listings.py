"""Listings: taking in what lists and receivers say, and moving between states.

Here an incident will be opened (see docs/flow.md): `move` is the only way into a state, and runs
inside the transaction that writes it down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from blacklist.catalogue import Impact
from blacklist.listing_rules import (
    POLICY,
    Answer,
    Evidence,
    Policy,
    Standing,
    next_check,
    next_state,
    taken_in,
)
from blacklist.listing_states import MOVES, Channel, ListingState
from blacklist.models import Listing, ListingMove
from customers import audit

BY: Final = "blocklist watch"
_FOLDED: Final = (
    "impact", "is_ours", "codes", "text", "lookup_url", "listed_answers", "clean_answers",
    "clean_since", "answered_at", "unanswered_why", "replies", "first_reply_at", "last_reply_at",
    "destinations", "next_check_at",
)  # fmt: skip
_BLANK: Final[Mapping[str, Any]] = {
    "codes": [], "text": "", "lookup_url": "", "listed_answers": 0, "clean_answers": 0,
    "clean_since": None, "unanswered_why": "", "replies": 0, "first_reply_at": None,
    "last_reply_at": None, "destinations": [],
}  # fmt: skip


class WrongMove(ValueError):
    """The listing is not in a state from which it may go there, or not any more."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one resource on one list.

    `new_replies` are those since the last observation, the first and the last of them at these
    times, from hosts of these destination groups. `floor`: the list may not be asked more often.
    """

    resource: str
    blocklist: str
    impact: Impact
    channel: Channel
    evidence: Evidence
    is_ours: bool = True
    codes: tuple[str, ...] = ()
    text: str = ""
    why: str = ""
    lookup_url: str = ""
    new_replies: int = 0
    first_reply_at: datetime | None = None
    last_reply_at: datetime | None = None
    destinations: tuple[str, ...] = ()
    floor: timedelta = timedelta(0)
    is_check: bool = False  # the list was asked, or weighed where it cannot be

    @property
    def key(self) -> tuple[str, str]:
        return self.resource, self.blocklist


def open_ones() -> QuerySet[Listing]:
    """All that is not clear."""
    return Listing.objects.exclude(state=ListingState.CLEAR)


@transaction.atomic
def observe(
    observations: Sequence[Observation], *, now: datetime, policy: Policy = POLICY
) -> list[ListingMove]:
    """Write down what was seen; the moves that follow. What says nothing new of what is clear
    leaves no trace.
    """
    rows = _locked(observations, now=now, policy=policy)
    moves = []
    for seen in observations:
        if (row := rows.get(seen.key)) is None:
            continue
        to = _take_in(row, seen, now=now, policy=policy)
        moved = to != row.state
        if moved:
            moves.append(_follow(row, seen, to, now=now))
        if seen.is_check:
            standing = standing_of(row)
            row.next_check_at = next_check(standing, now=now, floor=seen.floor, policy=policy)
        elif moved:
            row.next_check_at = now
    Listing.objects.bulk_update(rows.values(), _FOLDED)
    return moves


@transaction.atomic
def move(
    *,
    listing: Listing,
    to: ListingState,
    channel: Channel,
    by: audit.Actor,
    now: datetime,
    why: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> ListingMove:
    """Bring a listing into another state and keep the history; WrongMove."""
    before = ListingState(listing.state)
    if to not in MOVES[before]:
        raise WrongMove(f"{listing} cannot become {to}; from {before} it may become "
                        f"{' or '.join(sorted(MOVES[before]))}.")  # fmt: skip
    changes = {"state": to, "since": now, **_on_entering(listing, to, channel, now)}
    if not Listing.objects.filter(pk=listing.pk, state=before).update(**changes):
        raise WrongMove(f"{listing} has just been moved by somebody else; look again.")
    for name, value in changes.items():
        setattr(listing, name, value)
    return ListingMove.objects.create(
        listing=listing, at=now, before=before, after=to, channel=channel, by=str(by),
        person=audit.person_of(by), why=why, evidence=dict(evidence or {}),
    )  # fmt: skip


def standing_of(row: Listing) -> Standing:
    return Standing(
        state=ListingState(row.state),
        listed_answers=row.listed_answers,
        clean_answers=row.clean_answers,
        clean_since=row.clean_since,
        replies=row.replies,
        last_reply_at=row.last_reply_at,
    )


def _locked(
    observations: Sequence[Observation], *, now: datetime, policy: Policy
) -> dict[tuple[str, str], Listing]:
    """The rows that these are about, new ones where something begins."""
    Listing.objects.bulk_create(
        [
            Listing(resource=one.resource, blocklist=one.blocklist, impact=one.impact, since=now)
            for one in observations
            if _begins(one, now=now, policy=policy)
        ],
        ignore_conflicts=True,
    )
    rows = Listing.objects.select_for_update().order_by("id")
    found = rows.filter(
        resource__in={one.resource for one in observations},
        blocklist__in={one.blocklist for one in observations},
    )
    wanted = {one.key for one in observations}
    return {
        (row.resource, row.blocklist): row
        for row in found
        if (row.resource, row.blocklist) in wanted
    }


def _begins(seen: Observation, *, now: datetime, policy: Policy) -> bool:
    """It is enough to begin an episode with."""
    return next_state(Standing(), seen.evidence, now=now, policy=policy) != ListingState.CLEAR


def _take_in(row: Listing, seen: Observation, *, now: datetime, policy: Policy) -> ListingState:
    """Fold it into the row; the state that follows. An episode begins with a clean sheet."""
    if row.state == ListingState.CLEAR:
        if not _begins(seen, now=now, policy=policy):
            return ListingState.CLEAR
        for name, value in {**_BLANK, "impact": seen.impact}.items():
            setattr(row, name, value)
    row.is_ours = seen.is_ours
    _take_replies(row, seen)
    _take_answer(row, seen, now=now)
    standing = taken_in(standing_of(row), seen.evidence, now=now)
    row.listed_answers, row.clean_answers = standing.listed_answers, standing.clean_answers
    row.clean_since = standing.clean_since
    return next_state(standing, seen.evidence, now=now, policy=policy)


def _take_replies(row: Listing, seen: Observation) -> None:
    if not seen.new_replies:
        return
    row.replies += seen.new_replies
    row.first_reply_at = row.first_reply_at or seen.first_reply_at
    row.last_reply_at = seen.last_reply_at
    row.lookup_url = seen.lookup_url or row.lookup_url
    row.destinations = sorted({*row.destinations, *seen.destinations})


def _take_answer(row: Listing, seen: Observation, *, now: datetime) -> None:
    if seen.evidence.answer is Answer.UNKNOWN:
        row.unanswered_why = seen.why or row.unanswered_why
        return
    row.answered_at, row.unanswered_why = now, ""
    if seen.evidence.answer is Answer.LISTED:  # its codes say how grave it is
        row.codes, row.text, row.impact = list(seen.codes), seen.text, seen.impact


def _follow(row: Listing, seen: Observation, to: ListingState, *, now: datetime) -> ListingMove:
    said = seen.evidence.replies
    found: dict[str, Any] = {"answer": seen.evidence.answer.value, "replies": said.count,
                             "hosts": said.hosts, "named": said.named}  # fmt: skip
    if seen.codes:
        found |= {"codes": list(seen.codes), "text": seen.text}
    if seen.destinations:
        found["destinations"] = list(seen.destinations)
    return move(
        listing=row, to=to, channel=seen.channel, by=BY, now=now, why=seen.why, evidence=found
    )


def _on_entering(row: Listing, to: ListingState, channel: Channel, now: datetime) -> dict[str, Any]:
    """An episode begins with the first reply, if that was what showed it."""
    if to == ListingState.SUSPECTED:
        began = row.first_reply_at if channel == Channel.SMTP else None
        return {"opened_at": began or now, "opened_by": channel, "listed_at": None}
    if to == ListingState.LISTED:
        return {"listed_at": row.listed_at or now}
    return {"next_check_at": None} if to == ListingState.CLEAR else {}
