"""What the watch knows between two looks, and all that it asks of the database."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from blacklist import (
    evidence_acceptance,
    evidence_reading,
    known_lists,
    listings,
    resources,
    sweep_store,
    watch_results,
)
from blacklist.catalogue import Impact
from blacklist.evidence import Heard, Key, Said, sort_out
from blacklist.evidence_windows import Windows
from blacklist.known_lists import Known, KnownLists
from blacklist.listing_rules import NONE, POLICY, Answer, Evidence, Policy, is_suspicious
from blacklist.listing_states import Channel
from blacklist.listings import Observation
from blacklist.models import Listing, ListingMove
from blacklist.resources import Resources
from blacklist.sweep_store import Progress
from blacklist.watch_results import Answered
from delivery import counters

# The windows are filled anew so often: a reply that was committed late is not missed for good.
ANEW: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is watched, and on which lists."""

    resources: Resources
    lists: KnownLists


class Memory:
    """Synchronous; used by one thread at a time."""

    def __init__(self, *, policy: Policy = POLICY) -> None:
        self._policy = policy
        self._windows = Windows(policy.within)
        self._last_id = 0
        self._anew_at: datetime | None = None
        self._asked_all: dict[str, datetime] = {}
        self._unwritten: set[str] = set()
        self.progress: dict[str, Progress] = sweep_store.read()
        self.open_keys: dict[Key, Listing] = {}

    def surroundings(self, *, now: datetime) -> Surroundings:
        return Surroundings(resources.gather(now=now), known_lists.read())

    def hear(self, around: Surroundings, *, now: datetime) -> list[Key]:
        """Take in the replies since the last time; which listings are to be asked about now."""
        self._read_open()
        heard = self._read(around, now=now)
        seen = [
            found
            for key in heard.meant
            if key.blocklist and (found := self._observation(key, heard, now=now))
        ]
        if seen:
            listings.observe(seen, now=now, policy=self._policy)
            self._read_open()
        return [*self._due(around, now=now), *self._unnamed(heard, around, now=now)]

    def take_in(self, answers: Iterable[Answered], *, now: datetime) -> list[ListingMove]:
        """Write down what lists said."""
        seen = [
            watch_results.from_list(one, span=self._windows.span(one.key, now=now))
            for one in answers
        ]
        return listings.observe(seen, now=now, policy=self._policy)

    def go_on(
        self,
        known: Known,
        answers: list[Answered],
        *,
        is_silent: bool,
        until: datetime,
        now: datetime,
    ) -> None:
        """The sweep of a list has come further, or found it silent."""
        before = self.progress.get(known.name, Progress())
        self.progress[known.name] = watch_results.gone_on(
            known, before, answers, is_silent=is_silent, until=until, now=now
        )
        self._unwritten.add(known.name)

    def unwritten(self) -> dict[str, Progress]:
        """The progress of the lists that have gone on since this was last asked."""
        found = {name: self.progress[name] for name in self._unwritten}
        self._unwritten.clear()
        return found

    def _read_open(self) -> None:
        self.open_keys = {Key(row.resource, row.blocklist): row for row in listings.open_ones()}

    def _read(self, around: Surroundings, *, now: datetime) -> Heard:
        if self._anew_at is None or now >= self._anew_at:
            self._anew_at = now + ANEW
            self._windows.clear()
            self._last_id = 0
        batch = evidence_reading.read(after=self._last_id, since=now - self._policy.within)
        self._last_id = batch.last_id
        heard = sort_out(batch.replies, around.resources, around.lists)
        for key, replies in heard.said.items():
            self._windows.add(key, replies)
        return heard

    def _observation(self, key: Key, heard: Heard, *, now: datetime) -> Observation | None:
        """What the window of a listing shows; only the new replies count where it is open."""
        meant, said = heard.meant[key], heard.said[key]
        span = self._windows.span(key, now=now)
        if span is None or meant.known is None:
            return None
        url = max(one.lookup_url for one in said)
        seen = watch_results.from_replies(
            meant, meant.known, span, can_be_asked=self._can_ask(meant.known), lookup_url=url
        )
        if (row := self.open_keys.get(key)) is None:
            return seen
        new = _new(said, row)
        return watch_results.only_new(seen, count=new) if new else None

    def _can_ask(self, known: Known) -> bool:
        return known.rule is not None and not self.progress.get(known.name, Progress()).trouble

    def _due(self, around: Surroundings, *, now: datetime) -> list[Key]:
        """Open listings that are to be asked about; what cannot be asked is weighed here."""
        asked, silent = [], []
        for key, row in self.open_keys.items():
            if row.next_check_at is None or row.next_check_at > now:
                continue
            known = around.lists.named(key.blocklist)
            if known.rule is not None and key.resource in around.resources:
                asked.append(key)
            else:
                silent.append(self._weighed(row, known, now=now))
        if silent:
            listings.observe(silent, now=now, policy=self._policy)
        return asked

    def _weighed(self, row: Listing, known: Known, *, now: datetime) -> Observation:
        """Nobody can be asked: do receivers still refuse, or take the mail again?"""
        span = self._windows.span(Key(row.resource, row.blocklist), now=now)
        is_taken = evidence_acceptance.is_taken_again(row, now=now)
        return Observation(
            resource=row.resource,
            blocklist=row.blocklist,
            impact=Impact(row.impact),
            channel=Channel.SMTP,
            evidence=Evidence(
                answer=Answer.CLEAN if is_taken else Answer.UNKNOWN,
                replies=span.replies if span else NONE,
                can_be_asked=False,
                has_one_voice=known.has_one_voice,
            ),
            is_ours=row.is_ours,
            floor=counters.BUCKET,
            is_check=True,
            why="receivers take the mail again" if is_taken else "",
        )

    def _unnamed(self, heard: Heard, around: Surroundings, *, now: datetime) -> list[Key]:
        """Receivers say "listed" and not where: every list is asked, once in a window's time."""
        keys = []
        for key, meant in heard.meant.items():
            asked_at = self._asked_all.get(key.resource)
            recent = asked_at is not None and now - asked_at < self._policy.within
            span = None if key.blocklist or recent else self._windows.span(key, now=now)
            if span is None or not is_suspicious(Evidence(replies=span.replies), self._policy):
                continue
            self._asked_all[key.resource] = now
            keys += [
                Key(key.resource, known.name)
                for known in around.lists.asked()
                if known.rule is not None and meant.resource.kind in known.rule.kinds
            ]
        return keys


def _new(said: Iterable[Said], row: Listing) -> int:
    """Replies that the listing has not counted yet."""
    last = row.last_reply_at
    return sum(one.count for one in said if last is None or one.at > last)
