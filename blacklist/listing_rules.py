"""What makes a listing: decisions only. Values in, value out.

Two sources speak: the list itself (DNS), and receivers that refuse because of it (SMTP). Neither is
believed at once, and no answer is never an answer.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from blacklist.listing_states import ListingState
from wire.dnsbl import Clean, Listed, Result


class Answer(StrEnum):
    """What a list says of a resource; a refusal, a lie and silence are all `unknown`."""

    LISTED = "listed"
    CLEAN = "clean"
    UNKNOWN = "unknown"


def answer_of(result: Result) -> Answer:
    if isinstance(result, Listed):
        return Answer.LISTED
    return Answer.CLEAN if isinstance(result, Clean) else Answer.UNKNOWN


@dataclass(frozen=True, slots=True)
class Policy:
    """How much is enough.

    `replies` from `hosts` different receiving hosts `within` that time make a suspicion; of a
    critical list, one that names the resource. Where a list cannot be asked, `confirming` replies
    confirm. Clear are `clean_answers` in a row over `clean_for`, without a reply `within`.
    A suspicion that only the list has voiced is asked about again after `again`; what is open,
    after `recheck`, or the list's own limit if that is longer.
    """

    replies: int = 3
    hosts: int = 2
    within: timedelta = timedelta(minutes=5)
    confirming: int = 10
    clean_answers: int = 3
    clean_for: timedelta = timedelta(minutes=10)
    again: timedelta = timedelta(seconds=1)
    recheck: timedelta = timedelta(seconds=60)


POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Replies:
    """What receivers said within the window; `named`: how many named the resource itself."""

    count: int = 0
    hosts: int = 0
    named: int = 0


NONE = Replies()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known at one moment. `can_be_asked`: the list has a zone, and it answers us.

    `has_one_voice`: a provider's own list, of which only its own hosts can speak.
    """

    answer: Answer = Answer.UNKNOWN
    replies: Replies = NONE
    can_be_asked: bool = True
    is_critical: bool = False
    has_one_voice: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a listing stands. Answers are counted in a row, replies since the episode began."""

    state: ListingState = ListingState.CLEAR
    listed_answers: int = 0
    clean_answers: int = 0
    clean_since: datetime | None = None
    replies: int = 0
    last_reply_at: datetime | None = None


def taken_in(standing: Standing, evidence: Evidence, *, now: datetime) -> Standing:
    """The standing with one more answer; an unknown one changes nothing."""
    if evidence.answer is Answer.LISTED:
        count = standing.listed_answers + 1
        return replace(standing, listed_answers=count, clean_answers=0, clean_since=None)
    if evidence.answer is Answer.CLEAN:
        return replace(
            standing,
            listed_answers=0,
            clean_answers=standing.clean_answers + 1,
            clean_since=standing.clean_since or now,
        )
    return standing


def next_state(
    standing: Standing, evidence: Evidence, *, now: datetime, policy: Policy = POLICY
) -> ListingState:
    """The state after the evidence, which `standing` has taken in."""
    is_listed = evidence.answer is Answer.LISTED
    ended = has_ended(standing, now=now, policy=policy)
    suspicious = is_suspicious(evidence, policy)
    leads = {  # from each state, the first that applies
        ListingState.CLEAR: ((ListingState.SUSPECTED, is_listed or suspicious),),
        ListingState.SUSPECTED: (
            (ListingState.LISTED, is_confirmed(standing, evidence, policy)),
            (ListingState.CLEAR, ended),
        ),
        ListingState.LISTED: ((ListingState.CLEARING, evidence.answer is Answer.CLEAN),),
        ListingState.CLEARING: (
            (ListingState.LISTED, is_listed or (suspicious and not evidence.can_be_asked)),
            (ListingState.CLEAR, ended),
        ),
    }
    return next((to for to, applies in leads[standing.state] if applies), standing.state)


def is_suspicious(evidence: Evidence, policy: Policy) -> bool:
    """Receivers say so often enough to look."""
    said = evidence.replies
    if evidence.is_critical and said.named:
        return True
    return said.count >= policy.replies and _has_hosts(evidence, policy)


def is_confirmed(standing: Standing, evidence: Evidence, policy: Policy) -> bool:
    """The list says so, and receivers or the list itself have said so before; or many receivers
    do where the list cannot be asked.
    """
    if evidence.answer is Answer.LISTED:
        return standing.listed_answers > 1 or standing.replies > 0
    silent = evidence.answer is Answer.UNKNOWN and not evidence.can_be_asked
    enough = evidence.replies.count >= policy.confirming
    return silent and enough and _has_hosts(evidence, policy)


def has_ended(standing: Standing, *, now: datetime, policy: Policy) -> bool:
    """Clean for long enough, and receivers have noticed."""
    quiet = standing.last_reply_at is None or now - standing.last_reply_at >= policy.within
    if standing.clean_since is None or not quiet:
        return False
    long = now - standing.clean_since >= policy.clean_for
    return long and standing.clean_answers >= policy.clean_answers


def next_check(
    standing: Standing, *, now: datetime, floor: timedelta, policy: Policy = POLICY
) -> datetime | None:
    """When to ask out of turn; None: the sweep is enough. `floor` is the list's own limit.

    The second look at a fresh suspicion may come sooner: it is one question more, once.
    """
    if standing.state == ListingState.CLEAR:
        return None
    if standing.state == ListingState.SUSPECTED and standing.listed_answers == 1:
        return now + policy.again
    return now + max(policy.recheck, floor)


def is_stale(
    answered_at: datetime | None, *, cadence: timedelta, now: datetime, periods: int = 3
) -> bool:
    """Whether what we know is too old to be shown as true: no answer for so many periods."""
    return answered_at is None or now - answered_at > cadence * periods


def _has_hosts(evidence: Evidence, policy: Policy) -> bool:
    return evidence.replies.hosts >= (1 if evidence.has_one_voice else policy.hosts)
