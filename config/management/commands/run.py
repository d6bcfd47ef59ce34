"""`manage.py run`: the whole product on this machine, until Ctrl-C."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import run


class Command(BaseCommand):
    help = "Runs pages, workers and beat until Ctrl-C; brings the database up to date first."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run.make_ready()
        except run.PortTaken as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write(f"hatobin: {settings.BASE_URL} (Ctrl-C stops everything)")
        sys.exit(run.run())
