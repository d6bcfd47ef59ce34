"""Findings: what a customer's rate above a threshold led to, and taking that back.

A standing is only ever made graver here; back to normal is a person's decision. Verbs that move
a standing return whether they did: then the caller tells the workers.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q

from compliance import standings, thresholds
from compliance.models import Finding, FindingState, Level, Measure, Mode, StandingState
from compliance.thresholds import Figures, Limits, Measured
from customers import audit
from customers.models import Customer

BY: Final = "thresholds"
_OPEN: Final = tuple(state for state in FindingState if state.is_open)
_GRAVITY: Final = list(StandingState)


class NotDecidable(ValueError):
    """The finding is not in a state that allows it, or the standing was moved by others since."""


@transaction.atomic
def note(
    *, customer: Customer, measure: Measure, figures: Figures, limits: Limits, now: datetime
) -> bool:
    """Hold one customer's figures against its limits and do what they say.

    A finding stands for as long as the rate does; a graver one takes its place.
    """
    Customer.objects.select_for_update().get(pk=customer.pk)  # one at a time
    level = thresholds.judge(figures, limits)
    found = Finding.objects.filter(customer=customer, measure=measure, state__in=_OPEN).first()
    if found and _was_put_back(found):
        _forgive(found)
        return False  # these figures are from before; the next look has those since
    if found and not _is_graver(level, found):
        if level is None and found.state != FindingState.APPLIED:
            _end(found, FindingState.OVER, now=now)
        return False
    if level is None:
        return False
    if found:
        _end(found, FindingState.OVER, now=now)
    made = _make(customer, measure, level, figures=figures, limits=limits, now=now)
    wanted = _wanted(customer, level)
    if wanted is None:
        return False
    if limits.mode == Mode.ASK:
        Finding.objects.filter(pk=made.pk).update(state=FindingState.PROPOSED)
        return False
    _move(made, wanted, by=BY, now=now)
    return True


@transaction.atomic
def apply(*, finding: Finding, why: str, by: audit.Actor, now: datetime) -> bool:
    """Do what was proposed. Raises NotDecidable when it does not wait for an answer."""
    found = _locked(finding, FindingState.PROPOSED)
    _decide(found, FindingState.APPLIED, why=why, by=by, now=now)
    wanted = _wanted(found.customer, Level(found.level))
    if wanted is None:
        return False
    _move(found, wanted, by=by, now=now)
    return True


@transaction.atomic
def dismiss(*, finding: Finding, why: str, by: audit.Actor, now: datetime) -> None:
    """Let it be: what was counted so far is forgiven. Raises NotDecidable for what was applied."""
    found = _locked(finding, FindingState.NOTED, FindingState.PROPOSED)
    _decide(found, FindingState.DISMISSED, why=why, by=by, now=now)


@transaction.atomic
def reverse(*, finding: Finding, why: str, by: audit.Actor, now: datetime) -> bool:
    """Put the standing back to what it was; what was counted so far is forgiven.

    False when somebody had put it back already: then the finding ends only. Raises NotDecidable
    when it was not applied, or when the standing is a graver one by now.
    """
    found = _locked(finding, FindingState.APPLIED)
    if _was_put_back(found):
        _forgive(found)
        return False
    if standings.of(found.customer).state != Level(found.level).standing:
        raise NotDecidable(f"The standing of {found.customer} was changed since.")
    before = StandingState(found.standing_before or StandingState.NORMAL)
    _decide(found, FindingState.REVERSED, why=why, by=by, now=now)
    standings.move(customer=found.customer, to=before, why=why, by=by, now=now)
    return True


def forgiven_until() -> Mapping[tuple[int, str], datetime]:
    """(customer id, measure) -> when a person last forgave: counting begins there."""
    by_decision = Q(state__in=(FindingState.DISMISSED, FindingState.REVERSED))
    put_back = Q(state=FindingState.OVER) & ~Q(why="")  # see _forgive
    rows = Finding.objects.filter(by_decision | put_back, decided_at__isnull=False)
    ordered = rows.order_by("decided_at").values_list("customer_id", "measure", "decided_at")
    return {(customer_id, measure): at for customer_id, measure, at in ordered if at}


def under_way() -> set[tuple[int, str]]:
    """(customer id, measure) of the findings that are open."""
    return set(Finding.objects.filter(state__in=_OPEN).values_list("customer_id", "measure"))


def _is_graver(level: Level | None, found: Finding) -> bool:
    return level is not None and level.rank > Level(found.level).rank


def _was_put_back(found: Finding) -> bool:
    """Whether the standing that a finding was applied with is a lesser one by now."""
    applied = Level(found.level).standing
    if found.state != FindingState.APPLIED or applied is None:
        return False
    current = StandingState(standings.of(found.customer).state)
    return _GRAVITY.index(current) < _GRAVITY.index(applied)


def _forgive(found: Finding) -> None:
    """End a finding whose standing was put back in another way, as of then.

    The words that this was done with stay with it: they tell it from one that ended by itself.
    """
    standing = standings.of(found.customer)
    found.why = standing.why or str(standing.state)
    _end(found, FindingState.OVER, now=standing.since)


def _wanted(customer: Customer, level: Level) -> StandingState | None:
    """The standing that a level asks for, unless the customer's is as grave already."""
    wanted, current = level.standing, StandingState(standings.of(customer).state)
    if wanted is None or _GRAVITY.index(wanted) <= _GRAVITY.index(current):
        return None
    return wanted


def _make(
    customer: Customer,
    measure: Measure,
    level: Level,
    *,
    figures: Figures,
    limits: Limits,
    now: datetime,
) -> Finding:
    made = Finding.objects.create(
        customer=customer,
        measure=measure,
        level=level,
        state=FindingState.NOTED,
        bad=figures.bad,
        total=figures.total,
        limit=limits.of(level),
        since=figures.since,
        at=now,
    )
    _audit(made, "finding.note", BY, now, after=level.value)
    return made


def _move(found: Finding, to: StandingState, *, by: audit.Actor, now: datetime) -> None:
    found.standing_before = standings.of(found.customer).state
    found.state = FindingState.APPLIED
    found.save(update_fields=["standing_before", "state"])
    why = str(Measured(Measure(found.measure), found.bad, found.total))
    standings.move(customer=found.customer, to=to, why=why, by=by, now=now)


def _locked(finding: Finding, *allowed: FindingState) -> Finding:
    found = Finding.objects.select_for_update(of=("self",)).select_related("customer").get(
        pk=finding.pk
    )  # fmt: skip
    if found.state not in allowed:
        raise NotDecidable(f"Finding {found.pk} is {found.state}.")
    return found


def _decide(found: Finding, to: FindingState, *, why: str, by: audit.Actor, now: datetime) -> None:
    before = found.state
    found.why, found.decided_by = why, audit.person_of(by)
    _end(found, to, now=now)
    _audit(found, "finding.decide", by, now, before=before, after=to.value, why=why)


def _end(found: Finding, to: FindingState, *, now: datetime) -> None:
    found.state, found.decided_at = to, now
    found.save(update_fields=["state", "decided_at", "decided_by", "why"])


def _audit(found: Finding, verb: str, by: audit.Actor, now: datetime, **more: str) -> None:
    audit.record(
        verb=verb,
        subject=f"customer:{found.customer_id}",
        customer_id=found.customer_id,
        by=by,
        now=now,
        evidence={"finding": found.pk, "measure": found.measure, "bad": found.bad,
                  "total": found.total},
        **more,
    )  # fmt: skip
