"""The Celery application. Tasks take ids, call one verb and return nothing."""

import os
import sys
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import task_postrun, worker_ready
from django.db import connections
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

if os.environ.get("HATOBIN_ENV") != "production":
    # A trial in a container runs as root; production does not (docker/), and is warned.
    warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("hatobin")
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # Valkey may be away for long
    broker_transport_options={
        # A task not acknowledged for this many seconds goes to another worker, so this has to be
        # longer than any task. Mail does not wait for it: leases run out sooner.
        "visibility_timeout": 3600,
        "global_keyprefix": "hatobin:",
    },
    task_acks_late=True,
    task_ignore_result=True,
    task_default_queue="default",
    task_queues=(Queue("default"), Queue("long"), Queue("dispatch")),
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    enable_utc=True,
    worker_prefetch_multiplier=1,  # a waiting lane must not sit behind a busy one
    worker_hijack_root_logger=False,  # settings.LOGGING holds for workers too
    # A task goes on while Valkey restarts: to kill it would cut messages off behind their final
    # dot. Should another worker get it as well, claims keep the two apart.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_lost_wait=1.0,  # until the place of a killed process is free again
)
# Celery would close the process's pool of connections after each task, under the hands of the
# lanes that are on their way in other threads; `lend_connections` puts them back instead.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize
app.config_from_object("django.conf:settings", namespace="CELERY")
# Queues by kind of waiting: tasks that wait for receivers do not stand before the others.
app.conf.task_routes = {
    "delivery.tasks.send": {"queue": "dispatch"},
    "blacklist.tasks.check_setup": {"queue": "long"},
    "customers.tasks.run_import": {"queue": "long"},  # see also delivery.mailings.LONG_QUEUE
}
app.autodiscover_tasks()


@worker_ready.connect
def recover(**_: object) -> None:
    """What a crash left behind need not wait for beat."""
    app.send_task("delivery.tasks.return_leases")


@task_postrun.connect
def lend_connections(**_: object) -> None:
    """What a task used goes back into the pool, where it is checked before it is used again."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:  # a task called by a test, inside its transaction
            connection.close()
