"""manage.py reconcile: do the books balance, and does the sandbox agree?"""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from sandbox import reconcile

SENTENCES = {
    "balanced": "The books balance: everything handed in is in one final state.",
    "still open": "Still open: nothing is wrong so far, {open} deliveries are not final yet. "
    "Ask again later.",
    "does not balance": "The books do not balance: see the figures that should be 0 or equal.",
}


class Command(BaseCommand):
    help = (
        "Recipients handed in = sum of final states? And, where a sandbox ran, did its hosts store "
        "just what we call accepted, once, from the right source IP? Exit 0 only if so; 1 also "
        "while deliveries are open."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        directory = Path(settings.SANDBOX_DIRECTORY) if settings.SANDBOX_DIRECTORY else None
        verdict = reconcile.verdict(directory)
        if options["json"]:
            self.stdout.write(json.dumps(verdict.figures()))
        else:
            for name, value in verdict.figures().items():
                self.stdout.write(f"{name:26} {value}")
            self.stdout.write(SENTENCES[verdict.word].format(open=verdict.books.open))
        if not verdict.ok:
            raise SystemExit(1)
