"""From what a list or receivers said to what is written down. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from blacklist.catalogue import Impact
from blacklist.evidence import Key, Meant
from blacklist.evidence_windows import Span
from blacklist.known_lists import Known
from blacklist.listing_rules import NONE, Answer, Evidence, answer_of
from blacklist.listing_states import Channel
from blacklist.listings import Observation
from blacklist.resources import Resource
from blacklist.sweep import still_unanswered
from blacklist.sweep_store import Progress
from wire.dnsbl import Clean, Health, Listed, Refused, Result, Unknown


@dataclass(frozen=True, slots=True)
class Answered:
    """What a list said of one resource."""

    known: Known
    resource: Resource
    result: Result

    @property
    def key(self) -> Key:
        return Key(self.resource.text, self.known.name)


def from_list(one: Answered, *, span: Span | None = None) -> Observation:
    """What an answer shows; `span` is what receivers have said meanwhile."""
    answer = answer_of(one.result)
    listed = one.result if isinstance(one.result, Listed) else Listed(())
    impact = one.known.impact_of(listed.codes)
    return Observation(
        resource=one.resource.text,
        blocklist=one.known.name,
        impact=impact,
        channel=Channel.DNS,
        evidence=Evidence(
            answer=answer,
            replies=span.replies if span else NONE,
            can_be_asked=answer is not Answer.UNKNOWN,
            is_critical=impact is Impact.CRITICAL,
        ),
        is_ours=one.resource.is_ours,
        codes=listed.codes,
        text=listed.text,
        why=why_unknown(one.result),
        floor=one.known.floor,
        is_check=True,
    )


def from_replies(
    meant: Meant, known: Known, span: Span, *, can_be_asked: bool, lookup_url: str = ""
) -> Observation:
    """What a window of replies shows, when nothing was heard of this listing before."""
    return Observation(
        resource=meant.resource.text,
        blocklist=known.name,
        impact=known.impact,
        channel=Channel.SMTP,
        evidence=Evidence(
            replies=span.replies,
            can_be_asked=can_be_asked,
            is_critical=known.impact is Impact.CRITICAL,
            has_one_voice=known.has_one_voice,
        ),
        is_ours=meant.resource.is_ours,
        lookup_url=lookup_url,
        new_replies=span.replies.count,
        first_reply_at=span.first_at,
        last_reply_at=span.last_at,
        destinations=span.destinations,
        floor=known.floor,
    )


def only_new(observation: Observation, *, count: int) -> Observation:
    """Of an open listing, whose earlier replies have been counted already."""
    return replace(observation, new_replies=count)


def why_unknown(result: Result) -> str:
    return result.why if isinstance(result, Refused | Unknown) else ""


def trouble_of(result: Result) -> str:
    """In one word, as models.ListSweep has it; empty for an answer."""
    if isinstance(result, Unknown):
        return result.trouble.value
    return "refused" if isinstance(result, Refused) else ""


def is_silent(answers: Sequence[Answered]) -> bool:
    """The list told nothing at all."""
    return bool(answers) and not any(isinstance(one.result, Listed | Clean) for one in answers)


def is_out_of_use(known: Known, health: Mapping[tuple[str, str], Health]) -> bool:
    """Through no resolver does the list pass its self-test; `health` is the engine's."""
    resolvers = {resolver for _name, resolver in health}
    return all(
        any(health[name, one].trouble for name in ("", known.name) if (name, one) in health)
        for one in resolvers
    )


def gone_on(
    known: Known,
    before: Progress,
    answers: Sequence[Answered],
    *,
    is_silent: bool,
    until: datetime,
    now: datetime,
) -> Progress:
    """The sweep's progress after a slice. A silent list stays where it is, and says why."""
    if is_silent:
        last = answers[-1].result
        since = before.trouble_since or now
        return replace(before, trouble=trouble_of(last), why=why_unknown(last), trouble_since=since)
    told = {one.resource.text: bool(trouble_of(one.result)) for one in answers}
    unanswered = still_unanswered(
        known,
        before.unanswered,
        swept_until=before.swept_until,
        answered=[name for name, silent in told.items() if not silent],
        silent=[name for name, silent in told.items() if silent],
    )
    return Progress(swept_until=until, unanswered=unanswered)


def worth_writing(answers: Iterable[Answered], open_ones: Mapping[Key, object]) -> list[Answered]:
    """Listings, and all that is said of what is not clear. The rest is nothing new."""
    return [one for one in answers if isinstance(one.result, Listed) or one.key in open_ones]
