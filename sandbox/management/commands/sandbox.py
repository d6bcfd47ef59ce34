"""`manage.py sandbox`: run the box until Ctrl-C or SIGTERM."""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sandbox.internet import Internet, PortTaken, run
from sandbox.late_bounces import Address
from sandbox.own_lists import with_own_lists
from sandbox.own_names import with_own_names
from sandbox.scenario import DEFAULT, BadScenario, load


class Command(BaseCommand):
    help = "Run mail hosts and a DNS server on 127.0.0.0/8, where mail can be sent and seen."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", type=int, default=settings.SMTP_PORT, help="SMTP port of all hosts"
        )
        dns_port = settings.DNS_SERVERS[0][1] if settings.DNS_SERVERS else 5300
        parser.add_argument("--dns-port", type=int, default=dns_port, help="DNS port on 127.0.0.1")
        directory = Path(settings.SANDBOX_DIRECTORY or settings.VAR_DIR / "sandbox")
        parser.add_argument("--directory", type=Path, default=directory)
        parser.add_argument("--scenario", type=Path, default=DEFAULT, help="TOML file")

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd tells every line it reads
        try:
            # Not uvloop: aiosmtpd's STARTTLS works on asyncio's own loop only.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._run(options))
        except (BadScenario, PortTaken) as error:
            raise CommandError(str(error)) from None
        self.stdout.write("The sandbox has stopped.")

    async def _run(self, options: dict[str, Any]) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await run(
            with_own_lists(with_own_names(load(options["scenario"]), options["directory"])),
            port=options["port"],
            dns_port=options["dns_port"],
            directory=options["directory"],
            stop=stop,
            ready=self._announce,
            bounces_to=intake(),
        )

    def _announce(self, internet: Internet) -> None:
        for host in internet.scenario.hosts:
            state = "down" if host.down else f"port {internet.port}"
            self.stdout.write(f"  {host.address:<12} {state:<10} {host.name}")
        address, port = internet.dns
        self.stdout.write(f"DNS on {address}:{port}; messages in {internet.store.directory}")
        self.stdout.write(f"{len(internet.scenario.domains)} domains. Stop with Ctrl-C.")
        self.stdout.flush()


def intake() -> Address:
    """Where this machine takes bounces."""
    host = settings.INTAKE_HOST
    return ("127.0.0.1" if host in {"0.0.0.0", "::"} else host), settings.INTAKE_PORT  # noqa: S104
