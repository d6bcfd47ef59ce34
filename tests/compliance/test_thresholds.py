"""Rates that are too high: how they are judged, what follows, and how it is taken back."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from compliance import standings, threshold_findings, thresholds
from compliance.models import Finding, Level, Measure, Mode, StandingState, Threshold
from compliance.thresholds import DEFAULTS, Figures, Limits
from customers.models import AuditEntry, Customer

NOW = datetime.fromisoformat("2026-03-02T01:00:00+00:00")
UNKNOWN = DEFAULTS[Measure.UNKNOWN_USERS]
ASK = Limits(0.02, 0.05, 0.10, minimum=100, hours=24, mode=Mode.ASK)


def of(bad: int, total: int = 1000) -> Figures:
    return Figures(bad, total, NOW)


@pytest.mark.parametrize(
    ("measure", "bad", "total", "level"),
    [
        (Measure.UNKNOWN_USERS, 19, 1000, None),
        (Measure.UNKNOWN_USERS, 20, 1000, Level.WARN),
        (Measure.UNKNOWN_USERS, 50, 1000, Level.WATCH),
        (Measure.UNKNOWN_USERS, 100, 1000, Level.QUARANTINE),
        (Measure.UNKNOWN_USERS, 99, 99, None),  # too little to judge by
        (Measure.UNKNOWN_USERS, 4, 100, None),  # four are chance
        (Measure.COMPLAINTS, 9, 10_000, None),
        (Measure.COMPLAINTS, 10, 10_000, Level.WARN),
        (Measure.COMPLAINTS, 30, 10_000, Level.WATCH),
        (Measure.COMPLAINTS, 50, 10_000, Level.QUARANTINE),
        (Measure.COMPLAINTS, 0, 0, None),
    ],
)
def test_a_rate_has_the_gravest_level_that_it_reached(
    measure: Measure, bad: int, total: int, level: Level | None
) -> None:
    assert thresholds.judge(of(bad, total), DEFAULTS[measure]) is level


def test_what_is_switched_off_is_never_judged() -> None:
    off = Limits(0.02, 0.05, 0.10, minimum=100, hours=24, mode=Mode.OFF)
    assert thresholds.judge(of(1000), off) is None


def note(customer: Customer, bad: int, limits: Limits = UNKNOWN) -> bool:
    return threshold_findings.note(
        customer=customer, measure=Measure.UNKNOWN_USERS, figures=of(bad), limits=limits,
        now=timezone.now(),
    )  # fmt: skip


def state() -> tuple[str, str]:
    found = Finding.objects.latest("id")
    return found.level, found.state


def standing(customer: Customer) -> str:
    return str(standings.of(customer).state)


def test_a_warning_changes_nothing_and_ends_by_itself(botan: Customer) -> None:
    assert not note(botan, 30)
    assert (state(), standing(botan)) == (("warn", "noted"), "normal")
    assert not note(botan, 31)
    assert Finding.objects.count() == 1
    note(botan, 1)
    assert state() == ("warn", "over")


def test_a_graver_level_takes_the_place_of_the_lesser(botan: Customer) -> None:
    note(botan, 30)
    assert note(botan, 60)
    assert (state(), standing(botan)) == (("watch", "applied"), "watch")
    assert note(botan, 150)
    assert (state(), standing(botan)) == (("quarantine", "applied"), "quarantined")
    assert list(Finding.objects.order_by("id").values_list("state", flat=True)) == [
        "over", "over", "applied"
    ]  # fmt: skip
    entry = AuditEntry.objects.filter(verb="standing.move").latest("id")
    assert (entry.by, entry.why) == ("thresholds", "rate-above-threshold unknown-users 150/1000")


def test_what_was_applied_stays_until_a_person_takes_it_back(botan: Customer) -> None:
    note(botan, 150)
    assert not note(botan, 0)
    assert standing(botan) == "quarantined"
    found = Finding.objects.get()
    assert threshold_findings.reverse(finding=found, why="ours", by="test", now=timezone.now())
    assert (state(), standing(botan)) == (("quarantine", "reversed"), "normal")
    forgiven = threshold_findings.forgiven_until()
    assert (botan.pk, Measure.UNKNOWN_USERS) in forgiven


def test_a_graver_standing_is_left_alone(botan: Customer) -> None:
    standings.move(customer=botan, to="suspended", why="law", by="test", now=NOW)  # type: ignore[arg-type]
    assert not note(botan, 150)
    assert (state(), standing(botan)) == (("quarantine", "noted"), "suspended")


def test_asked_first_it_waits_for_an_answer(botan: Customer) -> None:
    assert not note(botan, 150, ASK)
    assert (state(), standing(botan)) == (("quarantine", "proposed"), "normal")
    found = Finding.objects.get()
    assert threshold_findings.apply(finding=found, why="yes", by="test", now=timezone.now())
    assert (state(), standing(botan)) == (("quarantine", "applied"), "quarantined")


def test_a_proposal_can_be_dismissed_and_ends_by_itself(botan: Customer) -> None:
    note(botan, 150, ASK)
    found = Finding.objects.get()
    threshold_findings.dismiss(finding=found, why="a test list", by="test", now=timezone.now())
    assert (state(), standing(botan)) == (("quarantine", "dismissed"), "normal")
    note(botan, 60, ASK)
    note(botan, 0, ASK)
    assert state() == ("watch", "over")


def test_a_proposal_that_others_overtook_moves_nothing(botan: Customer) -> None:
    note(botan, 60, ASK)
    standings.move(customer=botan, to="suspended", why="law", by="test", now=NOW)  # type: ignore[arg-type]
    found = Finding.objects.get()
    assert not threshold_findings.apply(finding=found, why="", by="test", now=timezone.now())
    assert standing(botan) == "suspended"


def test_only_what_is_open_is_decided(botan: Customer) -> None:
    note(botan, 150)
    found = Finding.objects.get()
    with pytest.raises(threshold_findings.NotDecidable):
        threshold_findings.apply(finding=found, why="", by="test", now=NOW)
    with pytest.raises(threshold_findings.NotDecidable):
        threshold_findings.dismiss(finding=found, why="", by="test", now=NOW)
    standings.move(customer=botan, to="suspended", why="law", by="test", now=NOW)  # type: ignore[arg-type]
    with pytest.raises(threshold_findings.NotDecidable):
        threshold_findings.reverse(finding=found, why="", by="test", now=NOW)
    assert standing(botan) == "suspended"


def test_a_standing_that_was_put_back_by_hand_ends_its_finding_and_is_forgiven(
    botan: Customer,
) -> None:
    note(botan, 150)
    put_back_at = timezone.now()
    standings.move(
        customer=botan, to=StandingState.WATCH, why="we talked", by="root", now=put_back_at
    )
    assert not note(botan, 150)  # figures from before
    assert (state(), standing(botan)) == (("quarantine", "over"), "watch")
    assert Finding.objects.get().why == "we talked"
    assert threshold_findings.forgiven_until() == {(botan.pk, "unknown-users"): put_back_at}
    assert note(botan, 180)
    assert (state(), standing(botan)) == (("quarantine", "applied"), "quarantined")


def test_taking_back_what_was_put_back_already_only_ends_the_finding(botan: Customer) -> None:
    note(botan, 150)
    now = timezone.now()
    standings.move(customer=botan, to=StandingState.NORMAL, why="", by="root", now=now)
    found = Finding.objects.get()
    assert not threshold_findings.reverse(finding=found, why="x", by="test", now=timezone.now())
    assert (state(), standing(botan)) == (("quarantine", "over"), "normal")
    assert threshold_findings.forgiven_until() == {(botan.pk, "unknown-users"): now}
    with pytest.raises(threshold_findings.NotDecidable):
        threshold_findings.reverse(finding=found, why="x", by="test", now=timezone.now())


def test_a_finding_that_ended_by_itself_forgives_nothing(botan: Customer) -> None:
    for bad in (30, 1, 60, 150):
        note(botan, bad)
    assert list(Finding.objects.order_by("id").values_list("state", flat=True)) == [
        "over", "over", "applied"
    ]  # fmt: skip
    assert threshold_findings.forgiven_until() == {}


def test_a_customers_own_thresholds_go_before_those_of_all(
    asagao: Customer, botan: Customer
) -> None:
    mine, everyones = Limits(0.1, 0.2, 0.3, 10, 1), Limits(0.01, 0.02, 0.03, 10, 1)
    for customer, to in ((botan, mine), (None, everyones)):
        thresholds.change(
            customer=customer, measure=Measure.COMPLAINTS, to=to, why="contract", by="test",
            now=timezone.now(),
        )  # fmt: skip
    assert thresholds.limits_of(botan.pk)[Measure.COMPLAINTS] == mine
    assert thresholds.limits_of(asagao.pk)[Measure.COMPLAINTS] == everyones
    assert thresholds.limits_of(asagao.pk)[Measure.UNKNOWN_USERS] == UNKNOWN
    entry = AuditEntry.objects.get(verb="threshold.change", customer=botan)
    assert (entry.before, entry.after) == (
        "0.1% / 0.3% / 0.5% of 1000 in 168 h, act", "10% / 20% / 30% of 10 in 1 h, act"
    )  # fmt: skip


@pytest.mark.django_db
def test_thresholds_out_of_order_cannot_be_stored() -> None:
    with pytest.raises(IntegrityError):
        Threshold.objects.create(
            measure="complaints", warn=0.2, watch=0.1, quarantine=0.3, minimum=1, hours=1
        )


def test_a_window_is_a_time(now: datetime) -> None:
    assert UNKNOWN.window == timedelta(hours=24)
    assert Figures(0, 0, now).rate == Finding().rate == 0.0


@pytest.mark.parametrize(
    "why", ["", "seen today", "rate-above-threshold whim 1/2", "rate-above-threshold complaints 1"]
)
def test_a_persons_reason_is_no_measured_one(why: str) -> None:
    assert thresholds.read_why(why) is None


def test_a_measured_reason_is_read_as_it_was_written() -> None:
    why = thresholds.Measured(Measure.COMPLAINTS, 12, 4000)
    assert thresholds.read_why(str(why)) == why
    assert why.rate == pytest.approx(0.003)
