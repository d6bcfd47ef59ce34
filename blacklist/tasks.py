"""Celery's face of the set-up checks: ids in, one verb, nothing out."""

from celery import shared_task
from django.utils import timezone

from blacklist import health


@shared_task(soft_time_limit=840)
def check_setup(*, run_id: int, **_: object) -> None:
    """Carry out one run."""
    health.carry_out(run_id=run_id, now=timezone.now())


@shared_task
def check_setup_daily(**_: object) -> None:
    """Begin a run when one is due."""
    now = timezone.now()
    if health.is_due(now=now):
        run = health.begin(by="daily", now=now)
        check_setup.delay_on_commit(run_id=run.pk)  # type: ignore[attr-defined]
