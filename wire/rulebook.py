"""The rules in their order, and the one of them that judges a reply.

Order is precedence: operators' own rules, then the shipped files by their tier, then the rules'
place in the file; rules without words (enhanced codes, then plain codes) come last of all.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from wire import reply_resources
from wire.outcomes import Phase
from wire.reply_rules import Rule, RuleRefused, Sample, read_rule
from wire.reply_text import KEY, Phrase, Seen, enhanced_in, see, words_of
from wire.verdicts import BLAMED, LISTINGS, REPUTATIONS, Party, Permanence, Verdict

RULES: Final = Path(__file__).parent / "rules"
_NAMING: Final = LISTINGS | REPUTATIONS  # categories whose replies name a list and a resource
ACCEPTED: Final = Verdict("accepted", Permanence.permanent, BLAMED["accepted"])

# Rank, first part of a phrase, the phrase where it has more parts, its rule.
Entry = tuple[int, str, Phrase | None, Rule]


@dataclass(frozen=True, slots=True)
class _Index:
    """Phrases by the first letters of one of their words; those of other scripts apart."""

    by_key: dict[str, list[Entry]]
    foreign: list[Entry]
    patterns: list[tuple[int, Rule]]  # rules with an expression only
    by_code: dict[str | int, list[tuple[int, Rule]]]  # rules without either


class Rulebook:
    """Rules ready to judge. A value: it never changes once made."""

    __slots__ = ("_index", "own", "shipped")

    def __init__(self, shipped: Iterable[Rule], *, own: Iterable[Rule] = ()) -> None:
        self.shipped = tuple(shipped)
        self.own = tuple(own)
        self._index = _index([*self.own, *self.shipped])

    @property
    def rules(self) -> tuple[Rule, ...]:
        """In their order."""
        return (*self.own, *self.shipped)

    def with_own(self, rules: Iterable[Rule]) -> "Rulebook":
        """The same shipped rules behind these."""
        return Rulebook(self.shipped, own=rules)

    def classify(
        self,
        phase: Phase,
        code: int | None,
        enhanced: str,
        text: str,
        *,
        mx: str | None = None,
    ) -> Verdict:
        """What a reply means. `text` may have several lines, with or without their codes."""
        if code is not None and 200 <= code < 300:
            return ACCEPTED
        seen = see(phase, code, enhanced, text, mx)
        rule = self._find(seen)
        if rule is None:
            return Verdict("unclassified", _permanence(seen), Party.unknown)
        return _verdict(rule, seen)

    def _find(self, seen: Seen) -> Rule | None:
        """The first rule in order whose words are in the text and which accepts, else by codes."""
        index = self._index
        best, found = self._by_words(seen)
        if found is None:
            best, found = _by_code(index.by_code, seen, best)
        for rank, rule in index.patterns:
            if rank >= best:
                break
            if rule.accepts(seen):
                return rule
        return found

    def _by_words(self, seen: Seen) -> tuple[int, Rule | None]:
        index, plain = self._index, seen.plain
        best, found = len(self.own) + len(self.shipped), None
        candidates = [entries for key in seen.keys if (entries := index.by_key.get(key))]
        if index.foreign and not plain.isascii():
            candidates.append(index.foreign)
        for entries in candidates:
            for rank, part, more, rule in entries:
                if rank >= best:
                    break
                if part not in plain or (more is not None and not more.goes_on_in(plain)):
                    continue
                if rule.accepts(seen):
                    best, found = rank, rule
                    break
        return best, found


def _by_code(
    by_code: dict[str | int, list[tuple[int, Rule]]], seen: Seen, last: int
) -> tuple[int, Rule | None]:
    """Enhanced codes first: their rules stand before those of plain codes."""
    if not seen.enhanced or seen.enhanced.endswith(".0.0"):
        seen = _with_codes_of_text(seen)
    code = seen.code or 0
    keys: tuple[str | int, ...] = (seen.enhanced, f"x{seen.enhanced[1:]}", code, code // 100)
    candidates = [entry for key in keys for entry in by_code.get(key, ())]
    for rank, rule in sorted(candidates, key=lambda entry: entry[0]):
        if rule.accepts(seen):
            return rank, rule
    return last, None


def _with_codes_of_text(seen: Seen) -> Seen:
    """Bounce messages have the enhanced code anywhere: "#5.1.1", "(#5.1.1)"."""
    enhanced = enhanced_in(seen.text)
    if not enhanced:
        return seen
    return seen._replace(enhanced=enhanced)


def _index(rules: Sequence[Rule]) -> _Index:
    often = _commonness(rules)
    index = _Index({}, [], [], {})
    for rank, rule in enumerate(rules):
        if not rule.words and rule.regex:
            index.patterns.append((rank, rule))
        elif not rule.words:
            for key in rule.enhanced - {""} or rule.codes:
                index.by_code.setdefault(key, []).append((rank, rule))
        for phrase in rule.words:
            entry = (rank, phrase.parts[0], phrase if len(phrase.parts) > 1 else None, rule)
            if not phrase.anchors:
                index.foreign.append(entry)
                continue
            rarest = min(phrase.anchors, key=lambda word: (often[word[:KEY]], -len(word)))
            index.by_key.setdefault(rarest[:KEY], []).append(entry)
    return index


def _commonness(rules: Sequence[Rule]) -> Counter[str]:
    """In how many samples the first letters of a word occur: phrases are filed under rare words."""
    return Counter(
        key
        for rule in rules
        for sample in rule.samples
        for key in {word[:KEY] for word in words_of(sample.text)}
    )


def _permanence(seen: Seen) -> Permanence:
    """What the code says, or the enhanced one where there is none (RFC 5321 4.2.1, RFC 3463 2)."""
    code = seen.code
    if code is None:
        code = int((seen.enhanced or enhanced_in(seen.text) or "0")[0]) * 100
    if code >= 500:
        return Permanence.permanent
    return Permanence.temporary if code >= 400 else Permanence.unknown


@cache
def _plain_verdict(category: str, permanence: Permanence, blamed: Party, rule: str) -> Verdict:
    """There are few: not each reply needs one of its own."""
    return Verdict(category, permanence, blamed, rule=rule)


def _verdict(rule: Rule, seen: Seen) -> Verdict:
    permanence = rule.permanence or _permanence(seen)
    if rule.category not in _NAMING:
        return _plain_verdict(rule.category, permanence, rule.blamed, rule.id)
    named = reply_resources.named_in(rule.category, seen, listed_at=rule.list)
    return Verdict(rule.category, permanence, rule.blamed, *named, rule=rule.id)


def read_rules(data: dict[str, Any], *, where: str) -> list[Rule]:
    """The rules of one file. Raises RuleRefused."""
    try:
        return [read_rule(table) for table in data["rule"]]
    except RuleRefused as error:
        raise RuleRefused(f"{where}: {error}") from error


@cache
def shipped() -> Rulebook:
    """The rules that come with the program, read once in each process."""
    files = [
        (int(data["tier"]), path.name, data)
        for path in sorted(RULES.glob("*.toml"))
        for data in [tomllib.loads(path.read_text("utf-8"))]
        if "rule" in data
    ]
    files.sort(key=lambda file: file[:2])
    return Rulebook(rule for _, name, data in files for rule in read_rules(data, where=name))


def faults_of(rule: Rule, book: Rulebook) -> list[str]:
    """Why this rule should not come before those of `book`; empty if it may.

    Each of its samples must be judged by it, and it must judge no sample of another rule.
    """
    tried = book.with_own([rule, *book.own])
    faults = [] if rule.samples else [f"{rule.id}: give at least one reply that it is for."]
    faults += [
        f"{rule.id}: its own sample “{sample.text[:80]}” does not match it."
        for sample in rule.samples
        if not is_judged_by(rule, sample, tried)
    ]
    faults += [
        f"{rule.id}: it would take “{sample.text[:80]}” from {other.id}."
        for other in book.rules
        if other.id != rule.id
        for sample in other.samples
        if is_judged_by(rule, sample, tried)
    ]
    return faults


def is_judged_by(rule: Rule, sample: Sample, book: Rulebook) -> bool:
    """Whether this rule is the one that judges the sample."""
    verdict = book.classify(sample.phase, sample.code, sample.enhanced, sample.text, mx=sample.mx)
    return verdict.rule == rule.id
