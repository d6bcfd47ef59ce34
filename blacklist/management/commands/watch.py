"""manage.py watch: watch the blocklists until Ctrl-C or SIGTERM."""

import asyncio
import signal
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandError

from blacklist import watch_process


class Command(BaseCommand):
    help = "Ask blocklists about all sending IPs and domains, and hear what receivers say of them."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._run())
        except ValueError as error:  # a resolver that may not be asked
            raise CommandError(f"The watch cannot begin: {error}", returncode=2) from None

    async def _run(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await watch_process.run(stop=stop, ready=self._announce)

    def _announce(self) -> None:
        self.stdout.write("The watch has begun.")
        self.stdout.flush()
