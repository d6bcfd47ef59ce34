"""Replies that no rule understands, grouped by their shape, for operators to make rules of."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from delivery.ids import floor_of
from delivery.models import Attempt
from wire.outcomes import Phase
from wire.replies import Rulebook, shape

UNCLASSIFIED: Final = "unclassified"
MOST: Final = 5000  # attempts looked at, the newest: a page has to come within a second or two
_PLACEHOLDER: Final = re.compile(r"\b(?:URL|ADDRESS|IP|HOST|ID|N)\b|\S*\d\S*|[^\w\s'-]|_")


@dataclass(slots=True)
class Shape:
    """Replies that differ only in addresses, numbers and ids. `example` is the newest attempt."""

    text: str
    example: Attempt
    first: datetime
    last: datetime
    count: int = 0
    hosts: Counter[str] = field(default_factory=Counter)  # owners' domains of MX hosts
    destinations: Counter[str] = field(default_factory=Counter)

    @property
    def providers(self) -> list[str]:
        """The most frequent first, three at most."""
        return [host for host, _ in self.hosts.most_common(3)]


def shapes(book: Rulebook, *, since: datetime) -> list[Shape]:
    """The most frequent first; without those that a rule made since would understand."""
    return _grouped(row for row in _unread(since=since) if classified(row, book) == UNCLASSIFIED)


def classified(row: Attempt, book: Rulebook) -> str:
    """The category that an attempt's reply has by these rules."""
    phase = Phase(row.phase) if row.phase else Phase.rcpt
    return book.classify(phase, row.code, row.enhanced, row.text, mx=row.mx_host).category


def suggestion(text: str) -> str:
    """The longest run of plain words in a shape: what a rule for it may begin with."""
    runs = [" ".join(run.split()) for run in _PLACEHOLDER.split(text)]
    return max(runs, key=len, default="").lower()[:120]


def _unread(*, since: datetime) -> Iterable[Attempt]:
    rows = Attempt.objects.filter(
        id__gte=floor_of(since), at__gte=since, category=UNCLASSIFIED, code__isnull=False
    )
    return rows.defer("conversation").order_by("-at")[:MOST]


def _grouped(rows: Iterable[Attempt]) -> list[Shape]:
    found: dict[str, Shape] = {}
    for row in rows:
        text = f"{row.code} {shape(row.text)}"
        one = found.setdefault(text, Shape(text, row, row.at, row.at))
        one.count += 1
        one.first = min(one.first, row.at)
        one.hosts[_provider(row.mx_host)] += 1
        one.destinations[row.destination] += 1
    return sorted(found.values(), key=lambda one: -one.count)


def _provider(host: str) -> str:
    """The name that a host's owner registered, near enough: mx.docomo.ne.jp is docomo.ne.jp."""
    labels = host.rstrip(".").split(".")
    below_country = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if below_country else labels[-2:])
