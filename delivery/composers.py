"""What a worker keeps of compiled mailings: the ones used last, as long as they fit into memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from delivery.recorder import lend_connection

T = TypeVar("T")


class Shelf(Generic[T]):
    """Keyed by mailing; shared by the threads of all lanes.

    `octets` in all, though the last one put there stays, whatever its size.
    """

    def __init__(self, *, octets: int, size: Callable[[T], int]) -> None:
        self._most = octets
        self._size = size
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._kept: OrderedDict[int, T] = OrderedDict()

    def get(self, key: int, make: Callable[[int], T]) -> T:
        """What is kept, else what `make` makes: one at a time in this process, since it may take
        much memory.
        """
        if (found := self._find(key)) is not None:
            return found
        lend_connection()  # who waits must not hold what the maker needs
        with self._making:
            if (found := self._find(key)) is not None:
                return found
            made = make(key)
            self._put(key, made)
        return made

    def _find(self, key: int) -> T | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _put(self, key: int, made: T) -> None:
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > 1 and self._octets() > self._most:
                self._kept.popitem(last=False)

    def _octets(self) -> int:
        return sum(self._size(one) for one in self._kept.values())
