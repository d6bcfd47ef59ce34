"""The sums on pages, from rows made up here; and the platform's sentence."""

from datetime import datetime, timedelta

import pytest
from django.utils import translation

from delivery import figures
from delivery.condition import Condition
from delivery.figures import Outcome, PoolTrouble, Tally
from delivery.wording import REASONS, words_for


def test_progress_counts_what_is_final_and_never_rounds_up_to_all() -> None:
    progress = figures.progress_of({"accepted": 998, "queued": 1, "refused": 1})
    assert (progress.total, progress.final, progress.percent) == (1000, 999, 99)
    assert [part.code for part in progress.parts] == ["accepted", "refused", "queued"]
    assert figures.progress_of({}).percent == 0


def test_shares_add_up_and_can_be_cut_to_the_largest() -> None:
    parts = figures.shares({"a": 1, "b": 3, "c": 0}, most=1)
    assert [(part.code, part.count, part.percent) for part in parts] == [("b", 3, 75.0)]
    assert figures.shares({}) == []


@pytest.mark.parametrize("points", [0, 1, 40])
def test_the_series_has_every_interval_however_few_points_there_are(
    points: int, now: datetime
) -> None:
    rows = [
        Tally(now - timedelta(minutes=15 * n), "accepted", "accepted", 2) for n in range(points)
    ]
    starts, lines = figures.series(rows, until=now)
    assert len(starts) == 49
    assert {len(counts) for counts in lines.values()} == {49}
    assert sum(lines["accepted"]) == 2 * points
    assert (starts[0], starts[-1]) == (now - timedelta(hours=24), now)


def test_what_is_older_than_the_series_or_the_day_is_left_out(now: datetime) -> None:
    rows = [Tally(now - timedelta(hours=30), "refused", "timeout", 5)]
    assert sum(figures.series(rows, until=now)[1]["refused"]) == 0
    assert figures.verdicts(rows, since=now - timedelta(hours=1)) == {}


def test_what_is_on_its_way_has_no_reason_of_an_earlier_attempt() -> None:
    rows = [
        Outcome("other", "sending", "rate-limit", 3), Outcome("other", "deferred", "rate-limit", 1),
        Outcome("docomo", "accepted", "accepted", 6), Outcome("other", "queued", "", 2),
    ]  # fmt: skip
    reasons = [(row.state, row.reason, row.count) for row in figures.by_reason(rows)]
    assert reasons == [("accepted", "accepted", 6), ("deferred", "rate-limit", 1)]
    progress = figures.overall(rows)
    assert (progress.total, progress.final) == (12, 6)


def test_refusals_are_summed_by_reason(now: datetime) -> None:
    rows = [
        Tally(now, "refused", "unknown-user", 2), Tally(now, "refused", "mailbox-full", 1),
        Tally(now, "deferred", "rate-limit", 9), Tally(now, "refused", "unknown-user", 1),
    ]  # fmt: skip
    assert [(part.code, part.count) for part in figures.refusals(rows)] == [
        ("unknown-user", 3), ("mailbox-full", 1)
    ]  # fmt: skip


CLEAN = Condition(pools=4, under_way=2, held=0, waiting_long=0)
ILL = Condition(4, 2, 1, 7, (PoolTrouble("Sakura", is_frozen=True),))


def test_the_sentence_in_english() -> None:
    with translation.override("en"):
        assert str(CLEAN) == (
            "All 4 pools are clean; 2 mailings under way; "
            "0 deliveries waiting longer than 15 minutes."
        )
        assert str(ILL) == (
            "1 of 4 pools cannot send: Sakura (frozen); 2 mailings under way, 1 of them held; "
            "7 deliveries waiting longer than 15 minutes."
        )


def test_the_sentence_in_japanese() -> None:
    with translation.override("ja"):
        assert str(CLEAN) == (
            "4個のプールはすべて正常です。実行中の配信は2件、15分を超えて待っている宛先は0件です。"
        )


@pytest.mark.parametrize(
    "condition",
    [ILL, Condition(0, 0, 0, 0), Condition(1, 0, 1, 0), Condition(1, 0, 0, 1)],
)
def test_any_trouble_makes_it_unwell(condition: Condition) -> None:
    assert CLEAN.is_well
    assert not condition.is_well


def test_every_code_has_words_in_both_languages_and_others_stay_codes() -> None:
    for code in REASONS:
        with translation.override("en"):
            english = words_for(code, REASONS)
        with translation.override("ja"):
            assert words_for(code, REASONS) not in {english, code}
    assert words_for("never-heard-of", REASONS) == "never-heard-of"
