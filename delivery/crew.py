"""The lanes that one worker process carries at once, each in a thread of its own.

A lane often waits: for its pace, for receivers that take their time. So Celery's task only hands
it over; what goes over the network shares the process's one event loop. A process that is busy
takes no more, so that the next lane goes to one that is not.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import lru_cache

from django.db import connection

from delivery import queues

log = logging.getLogger(__name__)

# Lanes at once in a process; those of transactional mail have places of their own.
BERTHS, URGENT_BERTHS = 16, 4
# Lanes of which only the last letters are under way: they hold no berth, but a thread each.
MOST_LEFT = 48
# Seconds between two looks whether a task should go on waiting.
LOOK = 0.1
# A process that used less than this share of a core since the last look has time for one lane more.
BUSY = 0.5


class Berth:
    """The place of one lane."""

    def __init__(self, crew: "Crew", kind: threading.Semaphore) -> None:
        self._crew = crew
        self._kind = kind
        self.is_left = False

    def goes_on(self) -> bool:
        """No, once the process is to end: what is under way is finished, nothing more is begun."""
        return not self._crew.is_ending

    def leave(self) -> bool:
        """Make room before the end, since nothing is left to do but to wait; False if too many do.

        Called by the lane's thread or by the loop's.
        """
        if not self.is_left and self._crew.leave_one():
            self.is_left = True
            self._kind.release()
        return self.is_left

    def close(self) -> None:
        """The lane's work is over."""
        if self.is_left:
            self._crew.end_one_left()
        else:
            self._kind.release()


class Crew:
    """One per worker process."""

    def __init__(self, *, berths: int = BERTHS, urgent: int = URGENT_BERTHS) -> None:
        self._free = {False: threading.Semaphore(berths), True: threading.Semaphore(urgent)}
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._left = 0
        self.is_ending = False

    def take_on(
        self, work: Callable[[Berth], None], *, urgent: bool, may_wait: Callable[[], bool]
    ) -> bool:
        """Do it in a thread, once there is a berth. False when `may_wait` said no before that.

        Comes back when the work is done or the process has time to spare; at once if it is urgent.
        """
        kind = self._free[urgent]
        while not kind.acquire(timeout=LOOK):
            if not may_wait():
                return False
        berth = Berth(self, kind)
        thread = threading.Thread(target=self._run, args=(work, berth), name="lane", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()
        if not urgent:
            _wait_for_time(thread)
        return True

    def end(self) -> None:
        """Begin nothing more, and wait until all that is under way is recorded."""
        self.is_ending = True
        while self._threads:
            with self._lock:
                thread = next(iter(self._threads))
            thread.join()

    def leave_one(self) -> bool:
        """Whether one more lane may wait without a berth; if so, it is counted."""
        with self._lock:
            has_room = self._left < MOST_LEFT
            self._left += has_room
            return has_room

    def end_one_left(self) -> None:
        """One of those is over."""
        with self._lock:
            self._left -= 1

    def _run(self, work: Callable[[Berth], None], berth: Berth) -> None:
        try:
            work(berth)
        except Exception:
            log.exception("A lane ended with an error; its mail is due again when its lease ends")
        finally:
            connection.close()
            berth.close()
            with self._lock:
                self._threads.discard(threading.current_thread())


def _wait_for_time(thread: threading.Thread) -> None:
    """Until the thread ends, this process is less busy, or something urgent stands in the queue."""
    while thread.is_alive():
        spent, began = time.process_time(), time.monotonic()
        thread.join(LOOK)
        share = (time.process_time() - spent) / (time.monotonic() - began)
        if share < BUSY or queues.express_waits():
            return


@lru_cache(maxsize=1)
def crew() -> Crew:
    """The crew of this process."""
    return Crew()
