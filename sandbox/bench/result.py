"""What a benchmark hands back, and its form for people and for machines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from django.core.management.base import CommandParser


@dataclass(frozen=True, slots=True)
class Result:
    """`figures` have snake_case names with their unit; `ok`: all was right and the bar held."""

    figures: Mapping[str, object]
    ok: bool
    lines: list[str]

    def as_json(self, bench: str) -> str:
        """One line."""
        return json.dumps({"bench": bench, **self.figures, "ok": self.ok})


class Bench(Protocol):
    """The shape of a benchmark's module."""

    def add_arguments(self, parser: CommandParser) -> None: ...

    def run(self, options: Mapping[str, int]) -> Result: ...
