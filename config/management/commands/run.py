"""`manage.py run`: the whole product on this machine, until Ctrl-C."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import run, single


class Command(BaseCommand):
    help = "Runs pages, workers and beat until Ctrl-C; brings the database up to date first."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            place = single.hold(settings.VAR_DIR)
            run.make_ready()
        except (single.AlreadyRunning, run.PortTaken) as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write(f"hatobin: {settings.BASE_URL} (Ctrl-C stops everything)")
        with place:
            sys.exit(run.run())
