"""Sorting more lines than memory should hold: sorted runs in one unnamed file, merged at the end.

The file has no name, so nothing of it is left behind when the process is killed.
"""

import heapq
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

RUN_LINES: Final = 100_000
BLOCK: Final = 1 << 18  # octets read from a run at a time


class Spill:
    """Takes lines in any order, gives them back as sorted UTF-8. A line holds no line feed."""

    def __init__(self, directory: Path, *, run_lines: int = RUN_LINES) -> None:
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115  closed by __exit__
        self._run_lines = run_lines
        self._pending: list[str] = []
        self._runs: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, lines: list[str]) -> None:
        self._pending += lines
        if len(self._pending) >= self._run_lines:
            self._write_run()

    def merged(self) -> Iterator[bytes]:
        """All lines, sorted by octets, without line feeds. Takes about BLOCK octets for a run."""
        if self._pending:
            self._write_run()
        self._file.flush()
        return heapq.merge(*(self._lines(start, end) for start, end in self._runs))

    def _write_run(self) -> None:
        self._pending.sort()
        start = self._file.tell()
        self._file.write("\n".join(self._pending).encode())
        self._file.write(b"\n")
        self._runs.append((start, self._file.tell()))
        self._pending = []

    def _lines(self, start: int, end: int) -> Iterator[bytes]:
        """The lines of one run. pread, because all runs are read from one file in turns."""
        rest = b""
        while start < end:
            block = os.pread(self._file.fileno(), min(BLOCK, end - start), start)
            start += len(block)
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            yield from lines
