"""manage.py listings: what lists us now, and which lists tell nothing."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from blacklist import matrix
from blacklist.matrix import Cell, Matrix


class Command(BaseCommand):
    help = "Show what is not clear, and the lists that tell nothing. Exit code 1: we are listed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one line for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        found = matrix.read(now=timezone.now())
        lines = [json.dumps(as_json(found))] if options["json"] else as_lines(found)
        self.stdout.write("\n".join(lines))
        if any(cell.state == "listed" for cell in found.open_cells):
            raise SystemExit(1)


def as_lines(found: Matrix) -> list[str]:
    lines = [_line(cell) for cell in found.open_cells]
    lines += [f"{name} tells nothing: {one.why}" for name, one in found.in_trouble.items()]
    count = len(found.cells)
    lines.append(
        f"{count} pairs of resource and list, {len(found.open_cells)} of them not clear, "
        f"{found.stale} without a fresh answer."
    )
    return lines


def as_json(found: Matrix) -> dict[str, object]:
    return {
        "pairs": len(found.cells),
        "stale": found.stale,
        "open": [
            {"resource": cell.resource, "list": cell.known.name, "state": cell.state,
             "impact": cell.known.impact, "stale": cell.is_stale}
            for cell in found.open_cells
        ],
        "in_trouble": {name: one.why for name, one in found.in_trouble.items()},
    }  # fmt: skip


def _line(cell: Cell) -> str:
    stale = ", no fresh answer" if cell.is_stale else ""
    return f"{cell.state:10} {cell.resource:40} {cell.known.name} ({cell.known.impact}{stale})"
