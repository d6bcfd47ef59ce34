"""Our books against what the sandbox's hosts stored: the same messages, once, from the right IP."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from delivery import composition, reconcile
from delivery.reconcile import Books
from sandbox import store


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts of messages. `foreign`: stored ones that are not of any delivery we accepted."""

    stored: int
    missing: int
    foreign: int
    duplicates: int
    wrong_source: int

    @property
    def agrees(self) -> bool:
        return not (self.missing or self.foreign or self.duplicates or self.wrong_source)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole reconciliation; `comparison` is None where there is no sandbox."""

    books: Books
    comparison: Comparison | None

    @property
    def ok(self) -> bool:
        return self.books.balance and (self.comparison is None or self.comparison.agrees)

    @property
    def word(self) -> Literal["balanced", "still open", "does not balance"]:
        """Whether time will tell, or something is wrong."""
        if self.ok:
            return "balanced"
        return "still open" if self.books.open and not self._is_wrong else "does not balance"

    @property
    def _is_wrong(self) -> bool:
        """Faults that no open delivery explains; one on the wire may be stored before we know."""
        books, seen = self.books, self.comparison
        wrong = (
            bool(books.crooked)
            or books.accepted_without_attempt > 0
            or books.handed_in != sum(books.states.values())
        )
        if seen is None:
            return wrong
        early = seen.foreign <= books.open
        return wrong or bool(seen.missing or seen.duplicates or seen.wrong_source) or not early

    def figures(self) -> dict[str, object]:
        """For --json: snake_case names."""
        figures: dict[str, object] = {
            "mailings": self.books.mailings,
            "handed_in": self.books.handed_in,
            "final": self.books.final,
            "open": self.books.open,
            **self.books.states,
            "crooked_mailings": list(self.books.crooked),
            "accepted_without_attempt": self.books.accepted_without_attempt,
        }
        if self.comparison is not None:
            figures |= {
                "sandbox_stored": self.comparison.stored,
                "sandbox_missing": self.comparison.missing,
                "sandbox_foreign": self.comparison.foreign,
                "sandbox_duplicates": self.comparison.duplicates,
                "sandbox_wrong_source": self.comparison.wrong_source,
            }
        return figures | {"verdict": self.word, "ok": self.ok}


def verdict(directory: Path | None) -> Verdict:
    """Count our books; compare them with the store in `directory` when there is one."""
    compared = compare(directory) if directory and (directory / store.INDEX).exists() else None
    return Verdict(reconcile.books(), compared)


def compare(directory: Path) -> Comparison:
    """Match by Message-ID, which carries the delivery's id."""
    sources: dict[int, set[str]] = {}
    for delivery_id, source in reconcile.accepted():
        sources.setdefault(delivery_id, set()).add(source)
    seen: Counter[int] = Counter()
    foreign = wrong_source = 0
    for message in store.read(directory):
        named = composition.read_message_id(message.message_id)
        if named is None or named not in sources:
            foreign += 1
            continue
        seen[named] += 1
        wrong_source += message.peer not in sources[named]
    return Comparison(
        stored=seen.total() + foreign,
        missing=len(sources.keys() - seen.keys()),
        foreign=foreign,
        duplicates=sum(count - 1 for count in seen.values()),
        wrong_source=wrong_source,
    )
