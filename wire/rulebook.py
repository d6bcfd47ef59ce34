"""The rules in their order, and the one of them that judges a reply.

Order is precedence: operators' own rules, then the shipped files by their tier, then the rules'
place in the file; rules without words (enhanced codes, then plain codes) come last of all.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from wire import reply_resources
from wire.outcomes import Phase
from wire.reply_index import commonness, index
from wire.reply_patterns import compiled
from wire.reply_rules import Rule, RuleRefused, Sample, read_rule
from wire.reply_text import Seen, enhanced_in, see
from wire.verdicts import BLAMED, LISTINGS, REPUTATIONS, Party, Permanence, Verdict

RULES: Final = Path(__file__).parent / "rules"
_NAMING: Final = LISTINGS | REPUTATIONS  # categories whose replies name a list and a resource
ACCEPTED: Final = Verdict("accepted", Permanence.permanent, BLAMED["accepted"])

# Nobody has been named yet: what is refused here, the recipient is not to blame for.
_BEFORE_RECIPIENTS: Final = frozenset(
    {Phase.connect, Phase.banner, Phase.ehlo, Phase.starttls, Phase.auth, Phase.mail}
)
# Asked for each reply: to hash or look up a member of an enumeration takes longer.
_RCPT: Final = Phase.rcpt
_RECIPIENT: Final = Party.recipient


class Rulebook:
    """Rules ready to judge. A value: it never changes once made."""

    __slots__ = ("_all", "_innocent", "_listings", "own", "shipped")

    def __init__(self, shipped: Iterable[Rule], *, own: Iterable[Rule] = ()) -> None:
        self.shipped = tuple(shipped)
        self.own = tuple(own)
        rules = self.rules
        often = commonness(rules)
        self._all = index(rules, often)
        innocent = [rule for rule in rules if rule.blamed is not Party.recipient]
        self._innocent = index(innocent, often)
        listings = [rule for rule in rules if rule.category in _NAMING and rule.words]
        self._listings = index(listings, often)

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
        """The first rule in order. One that blames the recipient gives way before any recipient has
        been named, and to one that knows the words of a listing.
        """
        if seen.phase is not _RCPT and seen.phase in _BEFORE_RECIPIENTS:
            return self._innocent.find(seen)
        rule = self._all.find(seen)
        if rule is None or rule.blamed is not _RECIPIENT:
            return rule
        listing = self._listings.find(seen)
        is_meant = rule.above_listings or rule in self.own  # an operator knows what it is about
        if listing is None or (is_meant and not reply_resources.names_public(seen)):
            return rule
        return listing


def _permanence(seen: Seen) -> Permanence:
    """What the code says, or the enhanced one where there is none (RFC 5321 4.2.1, RFC 3463 2)."""
    code = seen.code
    if code is None:
        code = int((seen.enhanced or enhanced_in(seen.text) or "0")[0]) * 100
    if code >= 500:
        return Permanence.permanent
    return Permanence.temporary if code >= 400 else Permanence.unknown


def _verdict(rule: Rule, seen: Seen) -> Verdict:
    permanence = rule.permanence or _permanence(seen)
    if rule.category not in _NAMING:
        return Verdict(rule.category, permanence, rule.blamed, "", "", "", rule.id)
    at, resource, url = reply_resources.named_in(rule.category, seen, listed_at=rule.list)
    return Verdict(rule.category, permanence, rule.blamed, at, resource, url, rule.id)


def read_rules(data: dict[str, Any], *, where: str) -> list[Rule]:
    """The rules of one of our files. Raises RuleRefused."""
    try:
        return [read_rule(table, to_pattern=compiled) for table in data["rule"]]
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


class FaultKind(StrEnum):
    no_sample = "no-sample"
    own_sample = "own-sample"  # it does not judge a sample of its own
    takes_sample = "takes-sample"  # it would judge a sample of another rule


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a rule should not be used, in words as `str`; `other` is the rule that would lose."""

    kind: FaultKind
    rule: str
    sample: str = ""
    other: str = ""

    def __str__(self) -> str:
        words = {
            FaultKind.no_sample: "give at least one reply that it is for.",
            FaultKind.own_sample: f"its own sample “{self.sample}” does not match it.",
            FaultKind.takes_sample: f"it would take “{self.sample}” from {self.other}.",
        }
        return f"{self.rule}: {words[self.kind]}"


def faults_of(rule: Rule, book: Rulebook) -> list[Fault]:
    """Why this rule should not come before those of `book`; empty if it may.

    Each of its samples must be judged by it, and it must judge no sample of another rule.
    """
    tried = book.with_own([rule, *book.own])
    faults = [] if rule.samples else [Fault(FaultKind.no_sample, rule.id)]
    faults += [
        Fault(FaultKind.own_sample, rule.id, sample.text[:80])
        for sample in rule.samples
        if not is_judged_by(rule, sample, tried)
    ]
    faults += [
        Fault(FaultKind.takes_sample, rule.id, sample.text[:80], other.id)
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
