"""Importing contacts from a CSV file: taking the file, and the work on it.

A file changes its list in one transaction or not at all. The work can be begun again at any
point: until that transaction ends, only the batch's own row says that somebody was at it.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from celery import current_app
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from customers import audit
from customers.csv_reading import BrokenFile, Sheet, opened
from customers.import_files import FileRefused, Upload, check_size, file_of, keep
from customers.import_rejections import Rejection, RejectionSpool, rejections_csv
from customers.import_rows import digester
from customers.import_spill import Spill
from customers.import_states import move
from customers.import_store import store
from customers.models import Basis, ImportBatch, ImportState, RecipientList

__all__ = ["FileRefused", "accept", "file_of", "receive", "rejections_csv", "run", "unfinished"]

TASK: Final = "customers.tasks.run_import"
PROGRESS_SECONDS: Final = 0.5
BY: Final = "import"

logger = logging.getLogger(__name__)

Report = Callable[[ImportBatch], None]


def accept(
    *, recipient_list: RecipientList, file: Upload, basis: Basis, by: audit.Actor, now: datetime
) -> ImportBatch:
    """Take a file for a list, and have a worker import it. Raises FileRefused."""
    with transaction.atomic():
        batch = receive(recipient_list=recipient_list, file=file, basis=basis, by=by, now=now)
        # robust: without Redis the batch waits for the sweep of unfinished ones.
        transaction.on_commit(partial(_enqueue, batch.pk), robust=True)
    return batch


@transaction.atomic
def receive(
    *, recipient_list: RecipientList, file: Upload, basis: Basis, by: audit.Actor, now: datetime
) -> ImportBatch:
    """Take a file for a list; the caller runs the import. Raises FileRefused."""
    name, size = file.name or "file", file.size or 0
    check_size(name, size)
    batch = ImportBatch.objects.create(
        customer_id=recipient_list.customer_id,
        recipient_list=recipient_list,
        file_name=Path(name).name[:255],
        basis=basis,
        bytes_total=size,
        created_by=audit.person_of(by),
        created_at=now,
    )
    path = file_of(batch)
    try:
        keep(file, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    _record(batch, "import.accept", by, now, after=ImportState.WAITING)
    return batch


def run(
    *, batch_id: int, now: datetime, wait: bool = True, on_progress: Report | None = None
) -> ImportBatch:
    """Import the file of a batch, and say what came of it; a batch that has ended stays as it is.

    Only one process works on a batch. The others wait for its end, or with `wait=False` return
    the batch as it stands. `on_progress` is called with the batch about twice a second.

    A fault of ours fails the batch and is raised. On OperationalError (the database went away,
    or its disk is full) the batch stays unfinished, and a later call begins it again.
    """
    with _claimed(batch_id, wait=wait) as mine:
        found = ImportBatch.objects.select_related("recipient_list", "created_by")
        batch = found.get(pk=batch_id)
        if mine and not ImportState(batch.state).is_final:
            with translation.override(_language(batch)):  # a failure is a sentence for its owner
                _run(batch, now, on_progress)
            batch.refresh_from_db()
    return batch


def unfinished(*, now: datetime) -> list[int]:
    """Batches that a worker should have ended, or begun, a minute ago: for the sweep."""
    final = [state for state in ImportState if state.is_final]
    rows = ImportBatch.objects.exclude(state__in=final)
    rows = rows.filter(created_at__lt=now - timedelta(minutes=1))
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _enqueue(batch_id: int) -> None:
    current_app.send_task(TASK, kwargs={"batch_id": batch_id})


@contextmanager
def _claimed(batch_id: int, *, wait: bool) -> Iterator[bool]:
    """Whether this process may work on the batch. A crash ends the session, and so the lock."""
    name = f"import:{batch_id}"
    call = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {call}(hashtextextended(%s, 0))", [name])
        mine = cursor.fetchone()[0] is not False
    try:
        yield mine
    finally:
        if mine and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


def _run(batch: ImportBatch, now: datetime, on_progress: Report | None) -> None:
    began = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - began)

    try:
        _import(batch, clock, on_progress)
    except BrokenFile as error:
        _fail(batch, str(error), clock())
    except FileNotFoundError:
        _fail(batch, _("The uploaded file is no longer on the server: upload it again."), clock())
    except OperationalError:  # the database went away or is full: the sweep tries again
        raise
    except Exception:
        words = _("The import stopped by a fault of ours: import %(number)s in the log. Try again.")
        _fail(batch, words % {"number": batch.pk}, clock())
        logger.exception("import %s failed", batch.pk)
        raise


def _import(batch: ImportBatch, clock: Callable[[], datetime], on_progress: Report | None) -> None:
    progress = Progress(batch, on_progress)
    move(batch, ImportState.READING, bytes_read=0, rows_read=0)
    path = file_of(batch)
    with (
        opened(path) as sheet,
        Spill(path.parent) as spill,
        RejectionSpool(path.parent) as spool,
    ):
        _read(sheet, spill, spool, progress)
        rejected = spool.count
        progress.tell()
        move(batch, ImportState.STORING, encoding=sheet.encoding)
        with transaction.atomic():
            lines = spill.merged()
            now = clock()
            stored = store(batch=batch, lines=lines, header=sheet.header, spool=spool, now=now)
            spool.store(batch_id=batch.pk)
            counts = {
                "added": stored.added,
                "updated": stored.updated,
                "duplicates": stored.duplicates,
                "rejected": rejected,
            }
            move(batch, ImportState.DONE, finished_at=clock(), **counts)
            _record(
                batch, "import.store", _actor(batch), now, after=ImportState.DONE, counts=counts
            )
            transaction.on_commit(partial(path.unlink, missing_ok=True))


class Progress:
    """How far the reading is, for pages: committed at once, and at most about twice a second."""

    def __init__(self, batch: ImportBatch, on_progress: Report | None) -> None:
        self._batch = batch
        self._report = on_progress
        self._due = time.monotonic()

    def at(self, *, rows: int, octets: int) -> None:
        self._batch.rows_read, self._batch.bytes_read = rows, octets
        if time.monotonic() >= self._due:
            self.tell()

    def tell(self) -> None:
        self._due = time.monotonic() + PROGRESS_SECONDS
        self._batch.save(update_fields=["rows_read", "bytes_read"])
        if self._report:
            self._report(self._batch)


def _read(sheet: Sheet, spill: Spill, spool: RejectionSpool, progress: Progress) -> None:
    """Every row becomes a line or a rejection; rows without a cell are nothing."""
    digest = digester(sheet.header)
    rows = 0
    for first, records in sheet.blocks():
        lines = []
        for row, cells in enumerate(records, first):
            if not cells:
                continue
            rows += 1
            digested = digest(row, cells)
            if isinstance(digested, Rejection):
                spool.add(digested)
            else:
                lines.append(digested)
        spill.add(lines)
        progress.at(rows=rows, octets=sheet.octets_read)


def _fail(batch: ImportBatch, sentence: str, now: datetime) -> None:
    with transaction.atomic():
        move(batch, ImportState.FAILED, failure=sentence, finished_at=now)
        _record(batch, "import.fail", _actor(batch), now, after=ImportState.FAILED, why=sentence)
        transaction.on_commit(partial(file_of(batch).unlink, missing_ok=True))


def _language(batch: ImportBatch) -> str:
    """That of the person who uploaded the file, who may be gone by now."""
    language = batch.created_by.language if batch.created_by else ""
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def _actor(batch: ImportBatch) -> audit.Actor:
    return batch.created_by or BY


def _record(
    batch: ImportBatch,
    verb: str,
    by: audit.Actor,
    now: datetime,
    *,
    after: ImportState,
    counts: dict[str, int] | None = None,
    why: str = "",
) -> None:
    audit.record(
        verb=verb,
        subject=f"import:{batch.pk}",
        customer_id=batch.customer_id,
        by=by,
        now=now,
        after=after,
        why=why,
        evidence={"list": batch.recipient_list_id, "file": batch.file_name, **(counts or {})},
    )
