"""The operators' own rules: making one of a reply, trying it against history, withdrawing it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction

from customers import audit
from delivery import announcements, verdict_heard, verdicts
from delivery.models import OwnRule
from delivery.models.delivery import AttemptVerdict
from delivery.verdict_heard import Heard
from wire import replies
from wire.replies import Fault, Rule

PREFIX: Final = "own-"
HISTORY: Final = timedelta(days=7)
MOST: Final = 20_000  # of attempts and of reports, the newest, that a trial judges anew


class Conflicts(ValueError):
    """The rule takes replies from others, or does not fit its own sample; `faults` says which."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(" ".join(map(str, faults)))
        self.faults = faults


class NameTaken(ValueError):
    """Another rule that holds has this name."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would have changed. `changes` maps (category before, after) to replies."""

    tried: int
    changes: Mapping[tuple[str, str], int]
    faults: Sequence[Fault]

    @property
    def changed(self) -> int:
        return sum(self.changes.values())


def rule_of(table: Mapping[str, Any]) -> Rule:
    """Raises wire.replies.RuleRefused, in words for the one who wrote it."""
    return replies.read_rule(table)


def trial(table: Mapping[str, Any], *, now: datetime, history: timedelta = HISTORY) -> Trial:
    """Hold a rule against the failures of that time and the samples of all others.

    Changes nothing. Raises wire.replies.RuleRefused.
    """
    rule = rule_of(table)
    before = replies.shipped().with_own(verdicts.own_rules())
    after = before.with_own([rule, *before.own])
    changes: Counter[tuple[str, str]] = Counter()
    replies_then = _history(since=now - history)
    for heard in replies_then:
        was, becomes = (verdict_heard.classified(heard, book) for book in (before, after))
        if was != becomes:
            changes[was, becomes] += 1
    return Trial(len(replies_then), dict(changes.most_common()), replies.faults_of(rule, before))


def _history(*, since: datetime) -> list[Heard]:
    failed = verdict_heard.attempts(since=since).exclude(verdict=AttemptVerdict.ACCEPTED)
    return [
        *map(verdict_heard.of_attempt, failed[:MOST]),
        *map(verdict_heard.of_report, verdict_heard.reports(since=since)[:MOST]),
    ]


@transaction.atomic
def adopt(
    table: Mapping[str, Any],
    *,
    name: str,
    why: str,
    by: audit.Actor,
    now: datetime,
    despite_conflicts: bool = False,
) -> OwnRule:
    """Let a rule hold from now on; workers have it within a second.

    Raises wire.replies.RuleRefused, NameTaken, or Conflicts unless they are wanted.
    """
    rule = rule_of(table)
    faults = replies.faults_of(rule, replies.shipped().with_own(verdicts.own_rules()))
    row = _insert(
        name=name,
        category=rule.category,
        table=dict(table),
        why=why,
        created_by=audit.person_of(by),
        created_at=now,
    )
    if faults and not despite_conflicts:
        raise Conflicts(faults)  # and takes the row back
    _audit(row, "rule.add", by, now, why)
    announcements.make()
    return row


def _insert(*, name: str, **columns: Any) -> OwnRule:
    """The database knows whether the name is taken: two may come at once. Raises NameTaken."""
    try:
        with transaction.atomic():
            return OwnRule.objects.create(name=name, **columns)
    except IntegrityError:
        raise NameTaken(name) from None


@transaction.atomic
def withdraw(*, rule: OwnRule, why: str, by: audit.Actor, now: datetime) -> bool:
    """End a rule; what it judged stays as it was. False when it had ended."""
    changed = OwnRule.objects.filter(pk=rule.pk, withdrawn_at=None).update(withdrawn_at=now)
    if changed:
        _audit(rule, "rule.withdraw", by, now, why)
        announcements.make()
    return bool(changed)


def _audit(row: OwnRule, verb: str, by: audit.Actor, now: datetime, why: str) -> None:
    audit.record(
        verb=verb, subject=f"rule:{row.pk}", by=by, now=now, after=row.category, why=why,
        evidence=row.table,
    )  # fmt: skip
