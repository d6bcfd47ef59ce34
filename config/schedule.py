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
    # Bounces and complaints count within seconds: the next mail to the address may be due.
    "read reports": {"task": "delivery.tasks.read_reports", "schedule": 1.0},
    # Pages and thresholds read what is not added up yet as well: it only must not pile up.
    "add up counts": {"task": "delivery.tasks.count", "schedule": 30.0},
    # As fine as the buckets that the rates are read from.
    "watch customers' rates": {"task": "delivery.tasks.watch_rates", "schedule": 300.0},
    # Days matter, not minutes.
    "forget old counts": {"task": "delivery.tasks.forget", "schedule": 3600.0},
    # Imports that a crash cut short; others find them taken.
    "resume imports": {"task": "customers.tasks.run_unfinished", "schedule": 60.0},
    # They hold for a day; an hour more does no harm.
    "forget kept answers": {"task": "customers.tasks.forget_answers", "schedule": 3600.0},
    # Each record is looked at once a day, those of a new domain soon.
    "check the set-up": {"task": "blacklist.tasks.check_setup_daily", "schedule": 60.0},
    # Made a week ahead, so a day's outage of beat costs nothing.
    "keep partitions": {"task": "delivery.tasks.keep_partitions", "schedule": 3600.0},
}

SCHEDULE = {
    name: {**entry, "options": {"expires": PERIODS_WAITED * entry["schedule"]}}
    for name, entry in _ENTRIES.items()
}
