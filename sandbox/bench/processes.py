"""What a set of processes costs: CPU seconds of all, the peak memory of each."""

import threading
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

import psutil

SAMPLE_SECONDS = 0.25


def trees(roots: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The processes and all their living descendants."""
    found: dict[int, psutil.Process] = {}
    for root in roots:
        try:
            for process in (root, *root.children(recursive=True)):
                found[process.pid] = process
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """User and system time of the processes, and of those children of theirs that have ended."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def matching(test: Callable[[str], bool]) -> list[psutil.Process]:
    """Processes whose command line passes the test."""
    found = []
    for process in psutil.process_iter():
        try:
            if test(" ".join(process.cmdline())):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


class Meter:
    """Measures trees of processes over a block: `cpu` in seconds, `peak_mb` of the largest one."""

    def __init__(self, roots: Callable[[], list[psutil.Process]]) -> None:
        self._roots = roots
        self._before = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.cpu = 0.0
        self.peak_mb = 0.0

    def __enter__(self) -> Self:
        self._before = cpu_seconds(trees(self._roots()))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.cpu = cpu_seconds(trees(self._roots())) - self._before

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            for process in trees(self._roots()):
                try:
                    self.peak_mb = max(self.peak_mb, process.memory_info().rss / 2**20)
                except psutil.NoSuchProcess:
                    continue
