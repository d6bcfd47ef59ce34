"""The operators' own rules: making one of a reply, trying it against history, withdrawing it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from customers import audit
from delivery import live, verdict_inbox, verdicts
from delivery.ids import floor_of
from delivery.models import Attempt, OwnRule
from delivery.models.delivery import AttemptVerdict
from wire import replies
from wire.replies import Rule

PREFIX: Final = "own-"
HISTORY: Final = timedelta(days=7)
MOST: Final = 20_000  # attempts that are judged anew in a trial, the newest


class Conflicts(ValueError):
    """The rule takes replies from others, or does not fit its own sample; `faults` says which."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = faults


class NameTaken(ValueError):
    """Another rule that holds has this name."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would have changed. `changes` maps (category before, after) to attempts."""

    tried: int
    changes: Mapping[tuple[str, str], int]
    faults: Sequence[str]

    @property
    def changed(self) -> int:
        return sum(self.changes.values())


def sample_of(attempt: Attempt) -> dict[str, str]:
    """A reply as a rule keeps it: code and text, where it came and from whom."""
    sample = {"reply": f"{attempt.code} {attempt.text}", "phase": attempt.phase or "rcpt"}
    return sample | ({"mx": attempt.mx_host} if attempt.mx_host else {})


def rule_of(table: Mapping[str, Any]) -> Rule:
    """Raises wire.replies.RuleRefused, in words for the one who wrote it."""
    return replies.read_rule(table)


def trial(table: Mapping[str, Any], *, now: datetime, history: timedelta = HISTORY) -> Trial:
    """Hold a rule against the failed attempts of that time and the samples of all others.

    Changes nothing. Raises wire.replies.RuleRefused.
    """
    rule = rule_of(table)
    before = replies.shipped().with_own(verdicts.own_rules())
    after = before.with_own([rule, *before.own])
    changes: Counter[tuple[str, str]] = Counter()
    rows = _history(since=now - history)
    for row in rows:
        was, becomes = (verdict_inbox.classified(row, book) for book in (before, after))
        if was != becomes:
            changes[was, becomes] += 1
    return Trial(len(rows), dict(changes.most_common()), replies.faults_of(rule, before))


def _history(*, since: datetime) -> list[Attempt]:
    rows = Attempt.objects.filter(id__gte=floor_of(since), at__gte=since, code__isnull=False)
    failed = rows.exclude(verdict=AttemptVerdict.ACCEPTED)
    wanted = ("phase", "code", "enhanced", "text", "mx_host")
    return list(failed.only(*wanted).order_by("-id")[:MOST])


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
    if OwnRule.objects.filter(name=name, withdrawn_at=None).exists():
        raise NameTaken(name)
    faults = replies.faults_of(rule, replies.shipped().with_own(verdicts.own_rules()))
    if faults and not despite_conflicts:
        raise Conflicts(faults)
    row = OwnRule.objects.create(
        name=name,
        category=rule.category,
        table=dict(table),
        why=why,
        created_by=audit.person_of(by),
        created_at=now,
    )
    _audit(row, "rule.add", by, now, why)
    transaction.on_commit(live.announce)
    return row


@transaction.atomic
def withdraw(*, rule: OwnRule, why: str, by: audit.Actor, now: datetime) -> bool:
    """End a rule; what it judged stays as it was. False when it had ended."""
    changed = OwnRule.objects.filter(pk=rule.pk, withdrawn_at=None).update(withdrawn_at=now)
    if changed:
        _audit(rule, "rule.withdraw", by, now, why)
        transaction.on_commit(live.announce)
    return bool(changed)


def _audit(row: OwnRule, verb: str, by: audit.Actor, now: datetime, why: str) -> None:
    audit.record(
        verb=verb, subject=f"rule:{row.pk}", by=by, now=now, after=row.category, why=why,
        evidence=row.table,
    )  # fmt: skip
