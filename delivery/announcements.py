"""Announcing a change of routes, pools, limits or mailings: to every worker, within a second.

The word goes out by Valkey when the change is committed. A note in PostgreSQL, of the same
transaction, stays until that has happened: so a change is heard also when Valkey was away just then
or the process died in between. The sweep, each second, looks for notes.
"""

import logging
from functools import partial

import redis
from django.db import transaction

from delivery import live
from delivery.models import Announcement

log = logging.getLogger(__name__)


def make() -> None:
    """Within the transaction that makes the change."""
    note = Announcement.objects.create()
    transaction.on_commit(partial(_send, note.pk))


def _send(note_id: int) -> None:
    try:
        live.announce()
    except redis.RedisError as error:
        log.warning("A change of routes is announced as soon as Valkey answers again: %s", error)
        return
    Announcement.objects.filter(pk=note_id).delete()


def catch_up() -> int:
    """Announce what was committed and not announced; how many notes. Raises redis.RedisError."""
    with transaction.atomic():
        notes = Announcement.objects.select_for_update(skip_locked=True)
        ids = list(notes.values_list("pk", flat=True))
        if ids:
            live.announce()
            Announcement.objects.filter(pk__in=ids).delete()
    return len(ids)
