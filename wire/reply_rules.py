"""Rules that say what a reply means: their form, and what is wrong with one that is not right.

docs/replies.md describes the form. Rules are values; wire.rulebook applies them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wire.outcomes import Phase, read_reply
from wire.reply_patterns import Pattern, check_pattern
from wire.reply_text import KEY, Phrase, Seen, phrase
from wire.verdicts import BLAMED, CATEGORIES, Party, Permanence

_FIELDS: Final = frozenset(
    {
        "id", "category", "words", "regex", "unless", "phases", "codes", "enhanced", "mx",
        "permanence", "blamed", "list", "source", "samples", "above_listings",
    }
)  # fmt: skip
_CIRCUMSTANCES: Final = ("phases", "codes", "enhanced", "mx")
_ENHANCED: Final = re.compile(r"none|[x245]\.\d{1,3}\.\d{1,3}")
_CODE: Final = re.compile(r"[245](?:xx|\d\d)")


class RuleRefused(ValueError):
    """A rule cannot be used; the words say which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A reply that a rule must judge: code, enhanced code and text as they came."""

    code: int
    enhanced: str
    text: str
    phase: Phase = Phase.rcpt
    mx: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """All that is given must hold: one of `words`, `regex`, none of `unless`, and the conditions.

    `codes` holds whole codes (550) and classes (5); `enhanced` whole codes, such with "x" for the
    class, and "" for a reply without one. An empty condition always holds.
    """

    id: str
    category: str
    blamed: Party
    permanence: Permanence | None
    words: tuple[Phrase, ...]
    regex: Pattern | None
    unless: tuple[Phrase, ...]
    phases: frozenset[Phase]
    codes: frozenset[int]
    enhanced: frozenset[str]
    mx: tuple[str, ...]
    list: str
    source: str
    samples: tuple[Sample, ...]
    # Whether it may blame the recipient in the words of a listing: only a public list overrules it.
    above_listings: bool
    # Kept for speed: whether there are phases, codes, enhanced codes or hosts; the keys
    # (wire.reply_text) of which a text needs one to have a phrase of `unless`, where that is known;
    # of each of these phrases the first part, and itself where it has more.
    is_conditional: bool
    unless_keys: frozenset[str]
    unless_parts: tuple[tuple[str, Phrase | None], ...]

    def accepts(self, seen: Seen) -> bool:
        """Whether all but `words` holds."""
        if self.is_conditional and not self._accepts_circumstances(seen):
            return False
        if self.unless and not (self.unless_keys and self.unless_keys.isdisjoint(seen.keys)):
            plain = seen.plain
            for part, more in self.unless_parts:
                if part in plain and (more is None or more.goes_on_in(plain)):
                    return False
        return self.regex is None or self.regex.search(seen.text) is not None

    def _accepts_circumstances(self, seen: Seen) -> bool:
        return (
            (not self.phases or seen.phase in self.phases)
            and (not self.codes or self._accepts_code(seen.code))
            and (not self.enhanced or self._accepts_enhanced(seen.enhanced))
            and (not self.mx or seen.mx.endswith(self.mx))
        )

    def _accepts_code(self, code: int | None) -> bool:
        return code is not None and (code in self.codes or code // 100 in self.codes)

    def _accepts_enhanced(self, enhanced: str) -> bool:
        if enhanced in self.enhanced or f"x{enhanced[1:]}" in self.enhanced:
            return True
        return "" in self.enhanced and enhanced.endswith(".0.0")  # says nothing (RFC 3463 3.1)


def read_rule(
    data: Mapping[str, Any], *, to_pattern: Callable[[str], Pattern] = check_pattern
) -> Rule:
    """One rule from its table; what is not said to be ours has the expressions of operators.

    Raises RuleRefused.
    """
    name = str(data.get("id", "")).strip()
    if not name:
        raise RuleRefused("A rule has no id: give it a name, such as “acme-blocks-us”.")
    unknown = sorted(set(data) - _FIELDS)
    if unknown:
        raise RuleRefused(f"{name}: there is no field “{unknown[0]}”: see docs/replies.md.")
    category = _choice(name, "category", data.get("category"), CATEGORIES)
    try:
        unless = tuple(map(phrase, _texts(data.get("unless"))))
        return Rule(
            id=name,
            category=category,
            blamed=_blamed(name, data.get("blamed"), category),
            permanence=_permanence(name, data.get("permanence")),
            words=tuple(map(phrase, _texts(data.get("words")))),
            regex=to_pattern(str(data["regex"])) if data.get("regex") else None,
            unless=unless,
            phases=frozenset(map(Phase, _texts(data.get("phases")))),
            codes=frozenset(map(_code, _texts(data.get("codes")))),
            enhanced=frozenset(map(_enhanced, _texts(data.get("enhanced")))),
            mx=tuple(host.lower() for host in _texts(data.get("mx"))),
            list=str(data.get("list", "")),
            source=str(data.get("source", "")),
            samples=tuple(map(read_sample, data.get("samples", ()))),
            above_listings=bool(data.get("above_listings", False)),
            is_conditional=any(data.get(field) for field in _CIRCUMSTANCES),
            unless_keys=_keys_of(unless),
            unless_parts=tuple(words.beginning for words in unless),
        )
    except ValueError as error:
        raise RuleRefused(f"{name}: {error}") from error


def read_sample(given: str | Mapping[str, str]) -> Sample:
    """From "550 5.1.1 User unknown", or a table with `reply`, `phase` and `mx`."""
    table: Mapping[str, str] = {"reply": given} if isinstance(given, str) else given
    code, _, text = table["reply"].partition(" ")
    if not re.fullmatch(r"[2-5]\d\d", code):
        raise RuleRefused(f"the sample “{table['reply'][:60]}” must begin with a code like 550.")
    reply = read_reply(int(code), text)
    return Sample(
        reply.code,
        reply.enhanced,
        reply.text.removeprefix(reply.enhanced).lstrip(),
        Phase(table.get("phase", "rcpt")),
        table.get("mx"),
    )


def _keys_of(phrases: Sequence[Phrase]) -> frozenset[str]:
    """None when one of them is in a script without words."""
    if not all(words.anchors for words in phrases):
        return frozenset()
    return frozenset(words.anchors[0][:KEY] for words in phrases)


def _texts(given: object) -> Sequence[str]:
    if given is None:
        return ()
    if isinstance(given, str | int):
        return (str(given),)
    if isinstance(given, Sequence):
        return [str(one) for one in given]
    raise RuleRefused(f"“{given}” must be a text or a list of texts.")


def _choice(name: str, field: str, given: object, known: frozenset[str]) -> str:
    if given not in known:
        raise RuleRefused(f"{name}: {field} “{given}” is none of {', '.join(sorted(known))}.")
    return str(given)


def _blamed(name: str, given: object, category: str) -> Party:
    if given is None:
        return BLAMED[category]
    return Party(_choice(name, "blamed", given, frozenset(Party)))


def _permanence(name: str, given: object) -> Permanence | None:
    if given is None:
        return None
    return Permanence(_choice(name, "permanence", given, frozenset(Permanence)))


def _code(given: str) -> int:
    if not _CODE.fullmatch(given):
        raise RuleRefused(f"code “{given}” must be like 550 or 5xx.")
    return int(given[0]) if given.endswith("xx") else int(given)


def _enhanced(given: str) -> str:
    if not _ENHANCED.fullmatch(given):
        raise RuleRefused(f"enhanced code “{given}” must be like 5.7.1, x.7.1 or none.")
    return "" if given == "none" else given
