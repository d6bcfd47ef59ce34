"""Replies that no rule understands, grouped by their shape, for operators to make rules of."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from delivery import verdict_heard
from delivery.verdict_heard import UNCLASSIFIED, Heard, Source
from wire.replies import Rulebook, shape

MOST: Final = 5000  # of attempts and of reports, the newest: a page has to come within a second
_PLACEHOLDER: Final = re.compile(r"\b(?:URL|ADDRESS|IP|HOST|ID|N)\b|\S*\d\S*|[^\w\s'-]|_")


@dataclass(slots=True)
class Shape:
    """Replies that differ only in addresses, numbers and ids. `example` is the newest."""

    text: str
    example: Heard
    first: datetime
    last: datetime
    sources: Counter[Source] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)  # owners' domains of MX hosts

    @property
    def count(self) -> int:
        return self.sources.total()

    @property
    def heard(self) -> list[tuple[Source, int]]:
        """Where, and how often; attempts first."""
        return [(source, self.sources[source]) for source in Source if self.sources[source]]

    @property
    def providers(self) -> list[str]:
        """The most frequent first, three at most."""
        return [host for host, _ in self.hosts.most_common(3) if host]


def shapes(book: Rulebook, *, since: datetime) -> list[Shape]:
    """The most frequent first; without those that a rule made since would understand."""
    found = _unread(since=since)
    return _grouped(
        heard for heard in found if verdict_heard.classified(heard, book) == UNCLASSIFIED
    )


def suggestion(text: str) -> str:
    """The longest run of plain words in a shape: what a rule for it may begin with."""
    runs = [" ".join(run.split()) for run in _PLACEHOLDER.split(text)]
    return max(runs, key=len, default="").lower()[:120]


def _unread(*, since: datetime) -> Iterator[Heard]:
    for attempt in verdict_heard.attempts(since=since).filter(category=UNCLASSIFIED)[:MOST]:
        yield verdict_heard.of_attempt(attempt)
    for report in verdict_heard.reports(since=since).filter(category=UNCLASSIFIED)[:MOST]:
        yield verdict_heard.of_report(report)


def _grouped(replies: Iterable[Heard]) -> list[Shape]:
    found: dict[str, Shape] = {}
    for heard in replies:
        text = f"{heard.code or ''} {shape(heard.text)}".strip()
        one = found.setdefault(text, Shape(text, heard, heard.at, heard.at))
        one.sources[heard.source] += 1
        one.first = min(one.first, heard.at)
        if heard.at > one.last:
            one.last, one.example = heard.at, heard
        one.hosts[_provider(heard.host)] += 1
    return sorted(found.values(), key=lambda one: -one.count)


def _provider(host: str) -> str:
    """The name that a host's owner registered, near enough: mx.docomo.ne.jp is docomo.ne.jp."""
    labels = host.rstrip(".").split(".")
    below_country = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if below_country else labels[-2:])
