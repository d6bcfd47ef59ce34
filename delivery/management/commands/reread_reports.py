"""manage.py reread_reports: let reports whose reading failed be read again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from delivery import reports_again


class Command(BaseCommand):
    help = "Let failed reports be read again by the workers, once what broke is mended."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "ids", nargs="*", type=int, metavar="ID", help="of a report, as in its page's address"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        ids = reports_again.read_again(
            only=options["ids"] or None, by="manage.py reread_reports", now=timezone.now()
        )
        self.stdout.write(f"Reports to be read again: {len(ids)}.")
