"""Rules filed by their words and codes, so that the one that judges a reply is found quickly. Pure.

Phrases are filed by the rarest pair of words in them, or by the first letters of their rarest word:
of three thousand phrases a reply meets a few.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter

from wire.reply_rules import Rule
from wire.reply_text import KEY, Phrase, Seen, enhanced_in, words_of

# Rank, first part of a phrase ("" where its pair of words is all of it), the phrase where it has
# more parts, its rule, whether that has conditions besides its words.
Entry = tuple[int, str, Phrase | None, Rule, bool]


@dataclass(frozen=True, slots=True)
class Index:
    """Phrases by a pair of words in them, or by the first letters of one; those of other scripts
    apart. `pairs` and `keys` are those that occur.
    """

    size: int
    by_pair: dict[tuple[str, str], list[Entry]]
    pairs: frozenset[tuple[str, str]]
    by_key: dict[str, list[Entry]]
    keys: frozenset[str]
    foreign: list[Entry]
    patterns: list[tuple[int, Rule]]  # rules with an expression only
    by_code: dict[str | int, list[tuple[int, Rule]]]  # rules without either

    def find(self, seen: Seen) -> Rule | None:
        """The first rule in order whose words are in the text and which accepts, else by codes."""
        best, found = self._by_words(seen)
        if found is None and self.by_code:
            best, found = self._by_code(seen)
        for rank, rule in self.patterns:
            if rank >= best:
                break
            if rule.accepts(seen):
                return rule
        return found

    def _by_words(self, seen: Seen) -> tuple[int, Rule | None]:
        plain = seen.plain
        best, found = self.size, None
        candidates = [
            *map(self.by_key.__getitem__, seen.keys & self.keys),
            *map(self.by_pair.__getitem__, self.pairs.intersection(pairwise(seen.words))),
        ]
        if self.foreign and not plain.isascii():
            candidates.append(self.foreign)
        for entries in candidates:
            for rank, part, more, rule, is_conditional in entries:
                if rank >= best:
                    break
                if part not in plain or (more is not None and not more.goes_on_in(plain)):
                    continue
                if not is_conditional or rule.accepts(seen):
                    best, found = rank, rule
                    break
        return best, found

    def _by_code(self, seen: Seen) -> tuple[int, Rule | None]:
        """Enhanced codes first: their rules stand before those of plain codes."""
        if not seen.enhanced or seen.enhanced.endswith(".0.0"):
            seen = _with_codes_of_text(seen)
        code = seen.code or 0
        keys: tuple[str | int, ...] = (seen.enhanced, f"x{seen.enhanced[1:]}", code, code // 100)
        candidates = [entry for key in keys for entry in self.by_code.get(key, ())]
        for rank, rule in sorted(candidates, key=itemgetter(0)):
            if rule.accepts(seen):
                return rank, rule
        return self.size, None


def _with_codes_of_text(seen: Seen) -> Seen:
    """Bounce messages have the enhanced code anywhere: "#5.1.1", "(#5.1.1)"."""
    enhanced = enhanced_in(seen.text)
    if not enhanced:
        return seen
    return seen._replace(enhanced=enhanced)


def index(rules: Sequence[Rule], often: Counter[str]) -> Index:
    """The rules in this order; `often` as `commonness` counts it."""
    by_pair: dict[tuple[str, str], list[Entry]] = {}
    by_key: dict[str, list[Entry]] = {}
    foreign: list[Entry] = []
    for rank, rule in enumerate(rules):
        for phrase in rule.words:
            entry = _entry(rank, phrase, rule)
            if phrase.pairs:
                rarest = min(phrase.pairs, key=lambda pair: sum(often[word[:KEY]] for word in pair))
                by_pair.setdefault(rarest, []).append(entry)
            elif phrase.anchors:
                word = min(phrase.anchors, key=lambda word: (often[word[:KEY]], -len(word)))
                by_key.setdefault(word[:KEY], []).append(entry)
            else:
                foreign.append(entry)
    keys = frozenset(by_pair), frozenset(by_key)
    return Index(len(rules), by_pair, keys[0], by_key, keys[1], foreign, *_without_words(rules))


def _entry(rank: int, phrase: Phrase, rule: Rule) -> Entry:
    is_conditional = rule.is_conditional or bool(rule.unless) or rule.regex is not None
    is_pair = len(phrase.parts) == 1 and len(phrase.pairs) == 1 and len(phrase.anchors) == 2
    first, more = phrase.beginning
    first = "" if is_pair and first.endswith(" ") else first
    return rank, first, more, rule, is_conditional


def _without_words(
    rules: Sequence[Rule],
) -> tuple[list[tuple[int, Rule]], dict[str | int, list[tuple[int, Rule]]]]:
    """Those with an expression only, and the rest of them by their codes."""
    patterns: list[tuple[int, Rule]] = []
    by_code: dict[str | int, list[tuple[int, Rule]]] = {}
    for rank, rule in enumerate(rules):
        if not rule.words and rule.regex:
            patterns.append((rank, rule))
        elif not rule.words:
            for key in rule.enhanced - {""} or rule.codes:
                by_code.setdefault(key, []).append((rank, rule))
    return patterns, by_code


def commonness(rules: Iterable[Rule]) -> Counter[str]:
    """In how many samples the first letters of a word occur: phrases are filed under rare words."""
    return Counter(
        key
        for rule in rules
        for sample in rule.samples
        for key in {word[:KEY] for word in words_of(sample.text)}
    )
