"""Celery's face: ids in, one verb, nothing out. Retrying mail is a column, not Celery's retry."""

import dataclasses

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from delivery import closing, dispatch, lanes, live, mailings, partitions, queues, recovery
from delivery.engine import engine


@shared_task(soft_time_limit=60)
def sweep(**_: object) -> None:
    """Send a task to every lane with due mail."""
    for lane in dispatch.sweep(engine=engine(), now=timezone.now()):
        _enqueue(lane)


def _enqueue(lane: lanes.Lane) -> None:
    send.apply_async_on_commit(  # type: ignore[attr-defined]
        kwargs=dataclasses.asdict(lane),
        priority=queues.EXPRESS if lane.is_express else queues.BULK,
    )


@shared_task(soft_time_limit=1800)
def send(
    *, pool_id: int, ip_id: int, destination: str, share: int, is_express: bool = False, **_: object
) -> None:
    """Work on one lane; go on with another task while it has mail."""
    lane = lanes.Lane(pool_id, ip_id, destination, share, is_express)
    try:
        claimed = dispatch.run_lane(engine=engine(), lane=lane)
    finally:
        live.leave_lane(lane.name)
    if claimed and live.take_lane(lane.name, "send"):
        _enqueue(lane)


@shared_task
def release_due(**_: object) -> None:
    """Release the mailings whose time has come."""
    for mailing_id in mailings.due(now=timezone.now()):
        release.delay_on_commit(mailing_id=mailing_id)  # type: ignore[attr-defined]


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


@shared_task
def keep_partitions(**_: object) -> None:
    """Make the coming days' partitions, drop those past retention."""
    now = timezone.now()
    partitions.ensure(now=now, ahead=settings.PARTITION_DAYS_AHEAD)
    partitions.drop_expired(now=now, keep_days=settings.RETENTION_DAYS)
