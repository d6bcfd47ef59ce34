"""Writing outcomes down while the network goes on: a thread beside the event loop."""

import queue
import threading
from types import TracebackType
from typing import Self

from django.db import connection
from django.utils import timezone

from delivery import outcomes

# A worker that dies loses what is not written yet: after so many, or after so long, it is.
FLUSH_RESULTS = 100
FLUSH_SECONDS = 0.5


class Recorder:
    """Takes results from the loop's thread, writes them in bulk from its own.

    Leaving the block waits until all is written; an error of the writing thread is raised there.
    """

    def __init__(self, *, carrier: outcomes.Carrier, token: str) -> None:
        self._carrier = carrier
        self._token = token
        self._results: queue.SimpleQueue[outcomes.Result | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="recorder")

    def __enter__(self) -> Self:
        self._thread.start()
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
        """Hand over one result; never blocks."""
        self._results.put(result)

    def _work(self) -> None:
        try:
            while self._flush():
                pass
        except BaseException as error:  # noqa: BLE001 - raised again by __exit__
            self._error = error
        finally:
            connection.close()

    def _flush(self) -> bool:
        """Write one bulk; False when the end was reached."""
        batch: list[outcomes.Result] = []
        goes_on = True
        deadline = None
        while goes_on and len(batch) < FLUSH_RESULTS:
            try:
                item = self._results.get(timeout=deadline)
            except queue.Empty:
                break
            deadline = FLUSH_SECONDS
            if item is None:
                goes_on = False
            else:
                batch.append(item)
        outcomes.record(results=batch, carrier=self._carrier, token=self._token, now=timezone.now())
        return goes_on
