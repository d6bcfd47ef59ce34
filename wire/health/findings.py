"""What a check of a sender's set-up finds; that nobody could tell is a verdict of its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from wire.dns import Unknown


class Verdict(StrEnum):
    ok = "ok"
    wrong = "wrong"
    missing = "missing"
    unknown = "unknown"  # nobody answered; it is never taken for "wrong"


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to say: a kebab-case code, and the name, address or text that it is about."""

    code: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """`found` are records as they are published; `problems` make it wrong, `advice` does not."""

    verdict: Verdict
    found: tuple[str, ...] = ()
    problems: tuple[Remark, ...] = ()
    advice: tuple[Remark, ...] = ()


def judged(
    found: Iterable[str], problems: Iterable[Remark], advice: Iterable[Remark] = ()
) -> Finding:
    """Wrong with any problem, else ok."""
    wrong = tuple(problems)
    return Finding(Verdict.wrong if wrong else Verdict.ok, tuple(found), wrong, tuple(advice))


def missing(name: str, found: Iterable[str] = ()) -> Finding:
    """`name` has no such record."""
    return Finding(Verdict.missing, tuple(found), (Remark("no-record", name),))


def unanswered(answer: Unknown) -> Finding:
    return Finding(Verdict.unknown, problems=(Remark("no-answer", answer.why),))
