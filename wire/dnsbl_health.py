"""Whether a list tells the truth through a resolver: test entries, verdicts, pauses. Pure.

A list that is dead answers like one on which nobody is listed, and a parked domain like one that
lists the world; so each list proves itself (RFC 5782 5), to each resolver anew.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from random import Random

from wire.dnsbl_answers import CLEAN, Clean, Kind, Listed, Refused, Result, Rule, Trouble, Unknown
from wire.dnsbl_names import Target, ip_target, target

# By these points RFC 5782 5 wants lists to be tested; not all lists have them.
STANDARD_POINTS: Mapping[Kind, str] = {
    Kind.ip4: "127.0.0.2",
    Kind.ip6: "::ffff:7f00:2",
    Kind.domain: "test",
}
DOCUMENTATION = ("192.0.2.0", "198.51.100.0", "203.0.113.0")  # RFC 5737: nobody sends from there
DOCUMENTATION_6 = 0x20010DB8 << 96  # RFC 3849
LETTERS = "abcdefghijklmnopqrstuvwxyz"
PASSING = {Trouble.no_answer, Trouble.failing}


@dataclass(frozen=True, slots=True)
class Policy:
    """How the watch asks; times in seconds.

    `attempts` questions go unanswered before there is no answer; `window` are on their way to one
    resolver at once. A passed self-test vouches `retest` long for clean answers, `trust` long for
    listings. What is out of use is tested again after `pause`, or `passing_pause` where it only
    failed to answer; each failure doubles it up to `longest_pause`. `gives_up` checks of a list in
    a row without an answer put it out of use. `cache_size` clean answers are remembered, each for
    the time that the list gives, `longest_ttl` at most.
    """

    timeout: float = 2.0
    attempts: int = 3
    window: int = 512
    retest: float = 900.0
    trust: float = 60.0
    pause: float = 300.0
    passing_pause: float = 60.0
    longest_pause: float = 3600.0
    gives_up: int = 5
    cache_size: int = 100_000
    longest_ttl: float = 3600.0


@dataclass(frozen=True, slots=True)
class Health:
    """What the last self-test of a list, or the last probe of a resolver, showed.

    Without `trouble` it is in use. `proven`: a test entry was there; without one, a clean answer
    may come from a dead list. `checked` and `due` are times of the watch's clock.
    """

    trouble: Trouble | None
    why: str
    proven: bool
    checked: float
    due: float
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something for operators to know, said once. `list` is empty when it is about the resolver.

    `trouble` None: it is in use again.
    """

    list: str
    resolver: str
    trouble: Trouble | None
    why: str


Tell = Callable[[Notice], None]


class Expect(StrEnum):
    listed = "listed"  # it has to be on the list
    perhaps = "perhaps"  # the standard point of a list that does not promise it
    unlisted = "unlisted"  # it must not be on the list
    random = "random"  # made up a moment ago


@dataclass(frozen=True, slots=True)
class Control:
    """One question of a self-test."""

    target: Target
    expect: Expect


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of a self-test, without its time."""

    trouble: Trouble | None
    why: str
    proven: bool


def controls(rule: Rule, random: Random) -> tuple[Control, ...]:
    """The questions that a list has to answer rightly."""
    return tuple(_controls(rule, random))


def _controls(rule: Rule, random: Random) -> Iterator[Control]:
    for kind in sorted(rule.kinds):
        if kind in rule.listed:
            yield Control(target(rule.listed[kind]), Expect.listed)
        elif kind is not Kind.ip6 or Kind.ip4 not in rule.kinds:
            yield Control(target(STANDARD_POINTS[kind]), Expect.perhaps)
        if kind in rule.unlisted:
            yield Control(target(rule.unlisted[kind]), Expect.unlisted)
        if rule.random:
            yield from (Control(made, Expect.random) for made in made_up(kind, random))


def made_up(kind: Kind, random: Random) -> tuple[Target, ...]:
    """Resources that no list can know; IPv4 ones from two ranges, for some lists hold one of them
    on purpose.
    """
    if kind is Kind.ip4:
        document = IPv4Address(random.choice(DOCUMENTATION)) + random.randrange(1, 255)
        loopback = IPv4Address("127.128.0.0") + random.getrandbits(23)
        return ip_target(document), ip_target(loopback)
    if kind is Kind.ip6:
        return (ip_target(IPv6Address(DOCUMENTATION_6 + random.getrandbits(96))),)
    return (target(f"{random_label(random)}.com"),)


def random_label(random: Random) -> str:
    """A host name that is not there, unless all are."""
    return "".join(random.choices(LETTERS, k=20))


def assess(outcomes: Sequence[tuple[Control, Result]]) -> Finding:
    """The first that applies: refused, rewritten, lists all, answers oddly, silent, lists none."""
    results = [result for _, result in outcomes]
    proven = any(
        isinstance(result, Listed)
        for control, result in outcomes
        if control.expect in (Expect.listed, Expect.perhaps)
    )
    trouble = (
        _denied(results)
        or _of(results, Trouble.rewritten)
        or _lists_all(outcomes)
        or _unexpected(outcomes)
        or _lists_none(outcomes)
    )
    return Finding(trouble[0], trouble[1], False) if trouble else Finding(None, "", proven)


_Trouble = tuple[Trouble, str]


def _denied(results: Sequence[Result]) -> _Trouble | None:
    for result in results:
        if isinstance(result, Refused):
            return Trouble.refused, result.why
    return None


def _of(results: Sequence[Result], *troubles: Trouble) -> _Trouble | None:
    for result in results:
        if isinstance(result, Unknown) and (result.trouble in troubles or not troubles):
            return result.trouble, result.why
    return None


def _lists_all(outcomes: Sequence[tuple[Control, Result]]) -> _Trouble | None:
    for control, result in outcomes:
        if control.expect is Expect.unlisted and isinstance(result, Listed):
            return Trouble.lists_all, f"it lists {control.target.text}, which no list may hold"
    for kind in Kind:
        made = [
            (control.target.text, result)
            for control, result in outcomes
            if control.expect is Expect.random and control.target.kind is kind
        ]
        if made and all(isinstance(result, Listed) for _, result in made):
            return Trouble.lists_all, f"it lists {made[0][0]}, which was made up"
    return None


def _unexpected(outcomes: Sequence[tuple[Control, Result]]) -> _Trouble | None:
    """A point that a list does not promise may be odd, but the question has to be answered."""
    strict = [result for control, result in outcomes if control.expect is not Expect.perhaps]
    rest = [result for control, result in outcomes if control.expect is Expect.perhaps]
    return _of(strict) or _of(rest, Trouble.no_answer, Trouble.failing, Trouble.over_quota)


def _lists_none(outcomes: Sequence[tuple[Control, Result]]) -> _Trouble | None:
    for control, result in outcomes:
        if control.expect is Expect.listed and isinstance(result, Clean):
            point = control.target.text
            return Trouble.lists_none, f"its test entry {point} is not there: dead, or a wrong key"
    return None


def following(before: Health | None, found: Finding, *, now: float, policy: Policy) -> Health:
    """The health after a finding; failures in a row make the pauses longer."""
    if found.trouble is None:
        return Health(None, "", found.proven, now, now + policy.retest)
    failures = before.failures if before else 0
    base = policy.passing_pause if found.trouble in PASSING else policy.pause
    pause = min(base * 2**failures, policy.longest_pause)
    return Health(found.trouble, found.why, False, now, now + pause, failures + 1)


def as_result(health: Health) -> Result:
    """What a list that is out of use says about everything."""
    if health.trouble is None:
        return CLEAN
    if health.trouble is Trouble.refused:
        return Refused(health.why)
    return Unknown(health.trouble, health.why)
