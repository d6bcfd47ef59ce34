"""manage.py demo: the whole product with a small platform, sending through the sandbox."""

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from config import run, single
from sandbox import certificates, reconcile
from sandbox.demo import names, platform, story
from sandbox.internet import PortTaken, require_ports
from sandbox.scenario import load

# The workers' patience: a demo ends in a minute, not in three days.
PATIENCE = {
    "RETRY_LADDER": "2s,4s,8s,16s",
    "RETRY_LIMIT": "90s",
    "SMTP_CONNECT_TIMEOUT": "5s",
    "SMTP_COMMAND_TIMEOUT": "20s",
    "LEASE": "60s",
}
LIMIT_SECONDS = 240.0


class Command(BaseCommand):
    help = "Load a small platform, send two mailings through the sandbox, show the pages."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="end when all is sent, and check")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LOOPBACK_ONLY:
            raise CommandError("The demo runs with LOOPBACK_ONLY=true only: its mail is invented.")
        try:
            place = single.hold(settings.VAR_DIR)
            run.make_ready()
            asyncio.run(self.require_sandbox_ports())
        except (single.AlreadyRunning, run.PortTaken, PortTaken) as error:
            raise CommandError(str(error), returncode=2) from None
        with place:
            sys.exit(self.play(once=options["once"]))

    def play(self, *, once: bool) -> int:
        """Load, run until Ctrl-C or until all is sent; the exit code."""
        directory = Path(settings.SANDBOX_DIRECTORY)
        os.environ.update(PATIENCE | {"SANDBOX_DIRECTORY": str(directory)})
        os.environ["TLS_AUTHORITIES"] = str(directory / certificates.FILE)
        password = story.password(Path(settings.VAR_DIR))
        ids = story.load(now=timezone.now(), password=password, say=self.say)
        names.publish(directory)
        self.welcome(password)
        code = run.run(self.sandbox(), until=Director(self, ids, password, once).ask)
        return code or (self.reconcile() if once else 0)

    def sandbox(self) -> dict[str, list[str]]:
        return {"sandbox": [sys.executable, "manage.py", "sandbox"]}

    async def require_sandbox_ports(self) -> None:
        dns_port = settings.DNS_SERVERS[0][1]
        await require_ports(load(), port=settings.SMTP_PORT, dns_port=dns_port)

    def say(self, words: str) -> None:
        self.stdout.write(f"demo: {words}")
        self.stdout.flush()

    def welcome(self, password: str) -> None:
        self.say(f"{settings.BASE_URL}  sign in as {platform.OPERATOR}, password {password}")

    def reconcile(self) -> int:
        """0 only when the books balance, the sandbox agrees, and mail did arrive."""
        verdict = reconcile.verdict(Path(settings.SANDBOX_DIRECTORY))
        for name, value in verdict.figures().items():
            self.say(f"{name:26} {value}")
        arrived = verdict.comparison is not None and verdict.comparison.stored > 0
        return 0 if verdict.ok and arrived else 1


class Director:
    """Asked twice a second while everything runs, from a thread of its own."""

    def __init__(self, command: Command, ids: list[int], password: str, once: bool) -> None:
        self._command = command
        self._password = password
        self._once = once
        self._watch = story.Watch(ids, say=command.say, limit=LIMIT_SECONDS)
        self._over = threading.Event()

    def ask(self) -> bool:
        """Whether to stop: after all is sent, and only with --once."""
        if not self._over.is_set() and self._watch.is_over():
            self._over.set()
            connection.close()
            if not self._once:
                self._command.say("All sent. Ctrl-C stops everything.")
                self._command.welcome(self._password)
        return self._once and self._over.is_set()
