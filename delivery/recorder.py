"""Writing outcomes down while the network goes on: journal at once, PostgreSQL from a thread."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psycopg
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from delivery import outcomes
from delivery.journal import journal, pack
from delivery.leases import Lease

log = logging.getLogger(__name__)

# The pages show an outcome after so many, or after so long. A crash loses nothing: the journal has
# them already.
FLUSH_RESULTS = 200
FLUSH_SECONDS = 0.5
# PostgreSQL is waited for so long, in steps that grow to a second. Then the journal has to do.
PATIENCE_SECONDS = 120.0
AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


@dataclass(frozen=True, slots=True)
class Noted:
    """A result and its place in the journal; None when Valkey could not take it."""

    result: outcomes.Result
    place: bytes | None


class Recorder:
    """Takes results from the loop's thread, writes them in bulk from its own; renews the lease.

    The block begins when its thread stands before PostgreSQL: no letter leaves that could not be
    recorded. Leaving it waits until all is written; an error of the thread is raised there.
    """

    def __init__(
        self, *, carrier: outcomes.Carrier, lease: Lease, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._carrier = carrier
        self._lease = lease
        self._patience = patience
        self._journal = journal()
        self._results: queue.SimpleQueue[Noted | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name="recorder")

    def __enter__(self) -> Self:
        lend_connection()  # a thread that waits for another one must not hold what that one needs
        self._thread.start()
        self._is_ready.wait()
        if self._error is not None:
            raise self._error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._results.put(None)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def add(self, result: outcomes.Result) -> None:
        """Journal one result and hand it over. On return it survives the end of this process."""
        data = pack(result, carrier=self._carrier, token=self._lease.token)
        self._results.put(Noted(result, self._journal.write(data)))

    def _work(self) -> None:
        try:
            patiently(connection.ensure_connection, seconds=self._patience)
            lend_connection()
            self._is_ready.set()
            while self._flush():
                pass
        except BaseException as error:  # noqa: BLE001 - raised again in the other thread
            self._error = error
        finally:
            connection.close()
            self._is_ready.set()

    def _flush(self) -> bool:
        """Write one bulk; False when the end was reached."""
        batch, goes_on = self._collect()
        results = [noted.result for noted in batch]
        patiently(lambda: self._record(results), seconds=self._patience)
        self._journal.delete([noted.place for noted in batch if noted.place is not None])
        if goes_on and not self._lease.due_in():
            patiently(self._lease.renew, seconds=self._patience)
        lend_connection()
        return goes_on

    def _record(self, results: list[outcomes.Result]) -> None:
        outcomes.record(
            results=results, carrier=self._carrier, token=self._lease.token, now=timezone.now()
        )

    def _collect(self) -> tuple[list[Noted], bool]:
        """What came until it is time to write; False when nothing will follow."""
        batch: list[Noted] = []
        ends = time.monotonic() + self._lease.due_in()
        while len(batch) < FLUSH_RESULTS:
            try:
                noted = self._results.get(timeout=max(0.0, ends - time.monotonic()))
            except queue.Empty:
                break
            if noted is None:
                return batch, False
            if not batch:
                ends = min(ends, time.monotonic() + FLUSH_SECONDS)
            if noted.place is None:  # nothing but our memory has it
                ends = 0.0
            batch.append(noted)
        return batch, True


def lend_connection() -> None:
    """Put this thread's connection back into the pool: nobody needs it while the network works."""
    if connection.settings_dict["OPTIONS"].get("pool") and not connection.in_atomic_block:
        connection.close()


def patiently(work: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Do it, again while PostgreSQL is away; its error when that takes too long.

    `work` must bear to be done twice: a commit may have come about although its answer was lost.
    """
    ends = time.monotonic() + seconds
    wait = 0.05
    while True:
        try:
            work()
        except AWAY as error:
            if time.monotonic() + wait > ends or connection.in_atomic_block:
                raise
            log.warning("PostgreSQL cannot be reached, trying again: %s", error)
            connection.close()
            time.sleep(wait)
            wait = min(1.0, wait * 2)
        else:
            return
