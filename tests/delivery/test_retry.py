"""When a deferred delivery is tried again."""

from datetime import datetime, timedelta

from delivery import retry

LADDER = [300, 900, 1800]


def test_the_waits_follow_the_ladder_and_the_last_one_repeats() -> None:
    waits = [retry.delay(attempts=n, ladder=LADDER, chance=0.0) for n in range(1, 6)]
    assert [wait.total_seconds() for wait in waits] == [300, 900, 1800, 1800, 1800]


def test_chance_spreads_a_wait_by_a_fifth_at_most() -> None:
    assert retry.delay(attempts=1, ladder=LADDER, chance=0.999).total_seconds() < 360


def test_no_attempt_is_planned_past_the_time_limit(now: datetime) -> None:
    def planned(limit: int) -> datetime | None:
        return retry.next_attempt(
            attempts=2, ladder=LADDER, chance=0.0, now=now,
            expires_at=now + timedelta(seconds=limit),
        )  # fmt: skip

    assert planned(901) == now + timedelta(seconds=900)
    assert planned(900) is None
