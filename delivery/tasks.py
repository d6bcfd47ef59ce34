"""Celery's face: ids in, one verb, nothing out. Retrying mail is a column, not Celery's retry."""

import dataclasses
from functools import partial

from celery import shared_task
from celery.signals import worker_process_shutdown
from django.conf import settings
from django.utils import timezone

from delivery import (
    closing,
    consequences_retention,
    consequences_watch,
    counters,
    dispatch,
    lanes,
    mailings,
    marks,
    partitions,
    queues,
    recovery,
    reports,
)
from delivery.crew import Berth, crew
from delivery.engine import engine
from delivery.marks import Errand


@shared_task(soft_time_limit=60)
def sweep(**_: object) -> None:
    """Send a task to every lane with due mail."""
    for errand in dispatch.sweep(engine=engine(), now=timezone.now()):
        _enqueue(errand)


def _enqueue(errand: Errand) -> None:
    send.apply_async_on_commit(  # type: ignore[attr-defined]
        kwargs={**dataclasses.asdict(errand.lane), "mark": errand.mark},
        priority=queues.EXPRESS if errand.lane.is_express else queues.BULK,
    )


@shared_task
def send(
    *,
    pool_id: int,
    ip_id: int,
    destination: str,
    share: int,
    is_express: bool,
    mark: str,
    **_: object,
) -> None:
    """Hand one lane to this process's crew; back into the queue if something urgent waits."""
    errand = Errand(lanes.Lane(pool_id, ip_id, destination, share, is_express), mark)
    is_taken = crew().take_on(
        partial(_work, errand), urgent=is_express, may_wait=partial(_may_wait, errand)
    )
    if not is_taken and marks.wait(errand):
        _enqueue(errand)


def _may_wait(errand: Errand) -> bool:
    return marks.wait(errand) and (errand.lane.is_express or not queues.express_waits())


def _work(errand: Errand, berth: Berth) -> None:
    """One batch; the next one is a new task, behind those of the others."""
    if not marks.start(errand):
        return
    try:
        claimed = dispatch.run_lane(engine=engine(), errand=errand, berth=berth)
    finally:
        marks.leave(errand)
    if claimed and not berth.is_left and (again := marks.take(errand.lane)):
        _enqueue(again)


@worker_process_shutdown.connect
def end_lanes(**_: object) -> None:
    """A process ends when what it has under way is recorded."""
    crew().end()


@shared_task
def release_due(**_: object) -> None:
    """Release the mailings whose time has come."""
    for mailing_id in mailings.due(now=timezone.now()):
        mailings.enqueue_release(mailing_id)


@shared_task
def release(*, mailing_id: int, **_: object) -> None:
    """Write one mailing's deliveries, then ring the bell."""
    if mailings.release(mailing_id=mailing_id, now=timezone.now()) is not None:
        sweep.delay_on_commit()  # type: ignore[attr-defined]


@shared_task
def close(**_: object) -> None:
    """End what is overdue, cancelled or complete."""
    now = timezone.now()
    closing.expire_overdue(now=now)
    closing.close_cancelled(now=now)
    closing.finish(now=now)


@shared_task
def return_leases(**_: object) -> None:
    """Record and bring back what dead workers left."""
    recovery.recover(now=timezone.now())


@shared_task(soft_time_limit=60)
def read_reports(**_: object) -> None:
    """Read the bounces and complaints that came in."""
    reports.read_new(now=timezone.now(), seconds=reports.READ_SECONDS)


@shared_task
def keep_partitions(**_: object) -> None:
    """Make the coming days' partitions, drop those past retention."""
    now = timezone.now()
    partitions.ensure(now=now, ahead=settings.PARTITION_DAYS_AHEAD)
    partitions.drop_expired(now=now, keep_days=settings.RETENTION_DAYS)


@shared_task
def count(**_: object) -> None:
    """Add up what was counted."""
    counters.roll_up()


@shared_task
def watch_rates(**_: object) -> None:
    """Hold customers' rates against their thresholds."""
    consequences_watch.watch(now=timezone.now())


@shared_task
def forget(**_: object) -> None:
    """Drop counts and evidence past retention; close suppressions that ran out."""
    consequences_retention.forget(now=timezone.now(), keep_days=settings.RETENTION_DAYS)
