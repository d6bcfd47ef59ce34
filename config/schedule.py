"""All periodic work on one page: name -> Celery beat entry, each with the reason for its period."""

from typing import Any

# A task that waited for longer than so many periods is dropped: the next one does its work. So they
# never pile up while no worker runs.
PERIODS_WAITED = 3

_ENTRIES: dict[str, dict[str, Any]] = {
    # Mail that has become due waits this long at most for its first task.
    "sweep the lanes": {"task": "delivery.tasks.sweep", "schedule": 1.0},
    # A scheduled mailing leaves within two seconds of its time.
    "release scheduled mailings": {"task": "delivery.tasks.release_due", "schedule": 2.0},
    # Progress pages say "done" soon after the last outcome.
    "close mailings": {"task": "delivery.tasks.close", "schedule": 2.0},
    # What a dead worker left in the journal is in Valkey only until then.
    "return leases of dead workers": {"task": "delivery.tasks.return_leases", "schedule": 3.0},
    # Imports that a crash cut short; others find them taken.
    "resume imports": {"task": "customers.tasks.run_unfinished", "schedule": 60.0},
    # Made a week ahead, so a day's outage of beat costs nothing.
    "keep partitions": {"task": "delivery.tasks.keep_partitions", "schedule": 3600.0},
}

SCHEDULE = {
    name: {**entry, "options": {"expires": PERIODS_WAITED * entry["schedule"]}}
    for name, entry in _ENTRIES.items()
}
