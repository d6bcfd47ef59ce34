"""manage.py intake: take bounces and complaints by SMTP until Ctrl-C or SIGTERM."""

import asyncio
import logging
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from delivery import intake_process


class Command(BaseCommand):
    help = "Listen for bounces and complaints, and store them for the workers to read."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd tells every line it reads
        try:
            # Not uvloop: aiosmtpd's STARTTLS works on asyncio's own loop only.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._run())
        except OperationalError as error:
            raise CommandError(
                f"The intake has waited for PostgreSQL in vain ({str(error).strip()}): start it, "
                "or set DATABASE_URL to where it runs.",
                returncode=2,
            ) from None
        except OSError as error:
            place = f"{settings.INTAKE_HOST}, port {settings.INTAKE_PORT}"
            raise CommandError(
                f"The intake cannot listen on {place} ({error.strerror or error}): stop what uses "
                "it or set INTAKE_PORT, and see that INTAKE_CERTIFICATE can be read.",
                returncode=2,
            ) from None

    async def _run(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await intake_process.run(stop=stop, ready=self._announce)

    def _announce(self, port: int) -> None:
        self.stdout.write(f"The intake listens on {settings.INTAKE_HOST}, port {port}.")
        self.stdout.flush()
