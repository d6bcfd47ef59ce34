"""All periodic work on one page: name -> Celery beat entry, each with the reason for its period."""

from typing import Any

SCHEDULE: dict[str, dict[str, Any]] = {
    # Mail that has become due waits this long at most for its first task.
    "sweep the lanes": {"task": "delivery.tasks.sweep", "schedule": 1.0},
    # A scheduled mailing leaves within two seconds of its time.
    "release scheduled mailings": {"task": "delivery.tasks.release_due", "schedule": 2.0},
    # Progress pages say "done" soon after the last outcome.
    "close mailings": {"task": "delivery.tasks.close", "schedule": 2.0},
    # Leases are minutes long; looking more often would find nothing.
    "return leases of dead workers": {"task": "delivery.tasks.return_leases", "schedule": 15.0},
    # Imports that a crash cut short; others find them taken.
    "resume imports": {"task": "customers.tasks.run_unfinished", "schedule": 60.0},
    # Made a week ahead, so a day's outage of beat costs nothing.
    "keep partitions": {"task": "delivery.tasks.keep_partitions", "schedule": 3600.0},
}
