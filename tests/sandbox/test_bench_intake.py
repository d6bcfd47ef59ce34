"""The benchmark of the intake: its bar, and one small real run."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from delivery.models import Delivery, Report
from sandbox.bench import intake

ROOT = Path(__file__).parents[2]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("matched", "seconds", "ok"), [(3, 0.001, True), (3, 9.0, False), (2, 0.001, False)]
)
def test_the_bar_is_held_when_all_are_matched_fast(
    matched: int, seconds: float, ok: bool, now: datetime
) -> None:
    bounces = intake.prepared(3)
    assert len({bounce.rcpt_to for bounce in bounces}) == 3
    for row in list(Delivery.objects.all())[:matched]:
        Report.objects.create(
            received_at=now, due_at=now, state="matched", kind="bounce", delivery_id=row.pk
        )
    Delivery.objects.update(state="bounced", reason="unknown-user")
    result = intake.judge(3, taken=0.001, seconds=seconds, cpu=1.0, peak_mb=50.0)
    assert result.ok == ok
    assert (result.figures["count"], result.figures["matched"]) == (3, matched)


@pytest.mark.django_db
def test_waiting_ends_with_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "PATIENCE", 0.2)
    intake.wait_until_read(1)
    assert not Report.objects.exists()


async def test_an_answer_that_was_not_due_is_told() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"250-one\r\n451 4.3.0 not now\r\n")
    with pytest.raises(RuntimeError, match=r"451 4\.3\.0 not now"):
        await intake._answer(reader, b"250")


def test_the_command_matches_all_on_an_instance_of_its_own() -> None:
    kept = {name: value for name, value in os.environ.items() if name != "VAR_DIRECTORY"}
    done = subprocess.run(
        [sys.executable, "manage.py", "bench", "intake", "--count", "200", "--json"],
        cwd=ROOT, env=kept, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["count"], figures["matched"], figures["deliveries_moved"]) == (200, 200, 200)
