"""Celery's face of customers: ids in, one verb, nothing out. All on the default queue."""

from celery import shared_task
from django.utils import timezone

from customers import idempotency, imports


@shared_task
def run_import(*, batch_id: int, **_: object) -> None:
    """Import one uploaded file."""
    imports.run(batch_id=batch_id, now=timezone.now(), wait=False)


@shared_task
def run_unfinished(**_: object) -> None:
    """Begin again what a dead worker left, or what Redis lost."""
    for batch_id in imports.unfinished(now=timezone.now()):
        run_import.delay_on_commit(batch_id=batch_id)  # type: ignore[attr-defined]


@shared_task
def forget_answers(**_: object) -> None:
    """Answers that were kept for repeated requests of programs, older than a day."""
    idempotency.forget(now=timezone.now())
