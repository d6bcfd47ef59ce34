"""The Celery application. Tasks take ids, call one verb and return nothing."""

import os
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

if os.environ.get("HATOBIN_ENV") != "production":
    # A trial in a container runs as root; production does not (docker/), and is warned.
    warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("hatobin")
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        # A task not acknowledged for this many seconds goes to another worker, so this has to be
        # longer than any task. Mail does not wait for it: leases run out sooner.
        "visibility_timeout": 3600,
        "global_keyprefix": "hatobin:",
    },
    task_acks_late=True,
    task_ignore_result=True,
    task_default_queue="default",
    task_queues=(Queue("default"), Queue("dispatch")),
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    enable_utc=True,
    worker_prefetch_multiplier=1,  # a waiting lane must not sit behind a busy one
    worker_hijack_root_logger=False,  # settings.LOGGING holds for workers too
    worker_cancel_long_running_tasks_on_connection_loss=True,
)
app.config_from_object("django.conf:settings", namespace="CELERY")
# Queues by kind of waiting: tasks that wait for receivers do not stand before the others.
app.conf.task_routes = {"delivery.tasks.send": {"queue": "dispatch"}}
app.autodiscover_tasks()
