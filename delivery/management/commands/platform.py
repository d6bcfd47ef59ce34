"""manage.py platform: the platform (domains, pools, IPs, relays, customers, people) as a file.

Exit code 0: done, or nothing to do; 1: nothing was changed, and everything wrong is printed.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from customers.people import PersonRefused
from delivery import platform_dns, platform_file, platform_plan, platform_store
from delivery.platform_file import Entry, PlatformRefused
from delivery.platform_plan import Thing

BY = "manage.py platform"


class Command(BaseCommand):
    help = "Show the platform as a TOML file, apply such a file, print the DNS records it needs."

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_actions(parser.add_subparsers(dest="action", required=True, metavar="ACTION"))

    def add_actions(self, actions: Any) -> None:
        """What can be asked for; a layer above adds its own."""
        actions.add_parser("show", help="print the present platform as TOML, without secrets")
        dns = actions.add_parser(
            "dns", help="print the DNS records that the present platform needs"
        )
        dns.add_argument("--language", choices=["en", "ja"], default="en", help="of its remarks")
        apply = actions.add_parser("apply", help="make the platform what a TOML file says")
        apply.add_argument("file", type=Path, metavar="FILE.toml")
        apply.add_argument("--dry-run", action="store_true", help="say what would change, no more")

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override(options.get("language", "en")):
            getattr(self, options["action"])(options)

    def show(self, options: dict[str, Any]) -> None:
        self.stdout.write(platform_file.write(platform_store.stored()))

    def dns(self, options: dict[str, Any]) -> None:
        self.print_dns(platform_store.stored())

    def apply(self, options: dict[str, Any]) -> None:
        things = self.plan(options["file"])
        self.print_changes(things)
        if options["dry_run"]:
            self.stdout.write("Nothing was changed: this was a dry run.")
            self.print_dns(platform_plan.outcome(things))
            return
        if any(thing.differs for thing in things):
            self.carry_out(things)
        self.print_dns(platform_store.stored())

    def plan(self, path: Path) -> list[Thing]:
        try:
            return platform_store.prepare(path, variables=os.environ)
        except PlatformRefused as error:
            many = len(error.problems)
            count = "One thing has" if many == 1 else f"{many} things have"
            lines = "\n".join(f"  {problem}" for problem in error.problems)
            raise CommandError(
                f"{path} was not applied. {count} to be put right:\n{lines}"
            ) from None

    def carry_out(self, things: Sequence[Thing]) -> None:
        try:
            passwords = platform_store.carry_out(things=things, by=BY, now=timezone.now())
        except PersonRefused as error:
            raise CommandError(f"Nothing was changed: {error}") from None
        self.stdout.write("Applied.")
        for email, password in passwords.items():
            self.stdout.write(f"First password of {email}, shown only here: {password}")

    def print_changes(self, things: Sequence[Thing]) -> None:
        changes = [platform_plan.words(thing) for thing in things if thing.differs]
        self.stdout.write("Changes:" if changes else "The platform is so already.")
        for line in changes:
            self.stdout.write(f"  {line}")
        for remark in platform_plan.remarks(things):
            self.stdout.write(f"Note: {remark}.")

    def print_dns(self, entries: Sequence[Entry]) -> None:
        intake = platform_dns.Intake(
            settings.INTAKE_NAME, settings.INTAKE_HOST, settings.INTAKE_PORT
        )
        for zone in platform_dns.zones(entries, intake=intake):
            self.stdout.write("\n; " + _("DNS records for %(domain)s") % {"domain": zone.domain})
            for record in zone.records:
                self.stdout.write(str(record))
            for remark in zone.remarks:
                self.stdout.write(f"; {remark}")
