"""manage.py blocklists: the lists that are watched: check them, show them, switch and key them.

Exit code 0: done; 1: refused, or something is wrong; the words say what.
"""

import asyncio
import getpass
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone, translation

from blacklist import catalogue_choice, catalogue_report, catalogue_settings
from blacklist.catalogue import Impact
from blacklist.catalogue_choice import Watched
from blacklist.catalogue_reading import CatalogueBroken, shipped
from blacklist.catalogue_resolvers import resolvers
from blacklist.catalogue_settings import KEEP, ListRefused
from wire.dnsbl import Health, Watch

BY = "manage.py blocklists"


class Command(BaseCommand):
    help = "Check, show and set the DNS blocklists that are watched."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        check = actions.add_parser("check", help="validate the catalogue and the settings")
        check.add_argument(
            "--ask", action="store_true", help="also let each watched list prove itself"
        )
        show = actions.add_parser("show", help="all lists, or everything about one")
        show.add_argument("list", nargs="?", metavar="ZONE")
        enable = actions.add_parser("enable", help="watch a list")
        enable.add_argument("list", metavar="ZONE")
        enable.add_argument("--impact", choices=Impact.values)
        enable.add_argument("--cadence", type=int, metavar="SECONDS")
        enable.add_argument("--per-day", type=int, metavar="QUESTIONS", help="0 for no limit")
        disable = actions.add_parser("disable", help="watch it no longer")
        disable.add_argument("list", metavar="ZONE")
        key = actions.add_parser("key", help="enter the key of an account; it is read, not shown")
        key.add_argument("account", metavar="ACCOUNT")
        key.add_argument("--from-env", metavar="NAME", help="the variable that holds it")
        key.add_argument("--remove", action="store_true")
        add = actions.add_parser("add", help="add lists of your own from a TOML file")
        add.add_argument("file", type=Path, metavar="FILE.toml")
        remove = actions.add_parser("remove", help="forget a list of your own")
        remove.add_argument("list", metavar="ZONE")

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override("en"):
            try:
                getattr(self, f"do_{options['action']}")(options)
            except (ListRefused, CatalogueBroken) as error:
                raise CommandError(str(error)) from None

    def do_check(self, options: dict[str, Any]) -> None:
        catalogue = shipped()
        lists = catalogue_choice.watched()
        watched = [one for one in lists if not one.why_not]
        self.stdout.write(
            f"The catalogue holds {len(catalogue.lists)} lists, {len(catalogue.providers)} "
            f"providers and {len(catalogue.dead)} dead zones; {len(watched)} lists are watched."
        )
        for line in catalogue_report.warnings(lists, resolvers()):
            self.stdout.write(f"Note: {line}")
        if options["ask"]:
            self.ask(watched)

    def ask(self, watched: list[Watched]) -> None:
        outcomes = asyncio.run(proofs(watched))
        for ident, resolver, found in outcomes:
            self.stdout.write(catalogue_report.health(ident, resolver, found))
        if any(found.trouble for _, _, found in outcomes):
            raise CommandError("Lists out of use are neither listing nor clean until they work.")

    def do_show(self, options: dict[str, Any]) -> None:
        lists = catalogue_choice.watched()
        if not options["list"]:
            self.stdout.write("\n".join(catalogue_report.overview(lists)))
            return
        entry = catalogue_settings.find(options["list"])
        one = next(one for one in lists if one.entry.ident == entry.ident)
        self.stdout.write("\n".join(catalogue_report.details(one)))

    def do_enable(self, options: dict[str, Any]) -> None:
        chosen = {"impact": options["impact"], "cadence": options["cadence"],
                  "per_day": options["per_day"]}  # fmt: skip
        said = {name: KEEP if value is None else value for name, value in chosen.items()}
        catalogue_settings.tune(ident=options["list"], by=BY, now=timezone.now(), **said)
        catalogue_settings.enable(ident=options["list"], by=BY, now=timezone.now())
        self.do_show(options)

    def do_disable(self, options: dict[str, Any]) -> None:
        catalogue_settings.disable(ident=options["list"], by=BY, now=timezone.now())
        self.stdout.write(f"{options['list']} is watched no longer.")

    def do_key(self, options: dict[str, Any]) -> None:
        account = options["account"]
        if options["remove"]:
            catalogue_settings.remove_key(account=account, by=BY, now=timezone.now())
            self.stdout.write(f"The key of {account} is gone.")
            return
        secret = read_secret(account, options["from_env"])
        catalogue_settings.set_key(account=account, secret=secret, by=BY, now=timezone.now())
        self.stdout.write(f"The key of {account} is stored, encrypted.")

    def do_add(self, options: dict[str, Any]) -> None:
        try:
            tables = tomllib.loads(options["file"].read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise CommandError(f"{options['file']} cannot be read: {error}") from None
        for definition in tables.get("list", []):
            row = catalogue_settings.add_own(definition=definition, by=BY, now=timezone.now())
            self.stdout.write(f"{row.ident} is watched.")

    def do_remove(self, options: dict[str, Any]) -> None:
        catalogue_settings.remove_own(ident=options["list"], by=BY, now=timezone.now())
        self.stdout.write(f"{options['list']} is forgotten.")


def read_secret(account: str, variable: str | None) -> str:
    """From a variable, a pipe or the keyboard: never from the command line, which others see."""
    if variable:
        return os.environ.get(variable, "")
    if sys.stdin.isatty():
        return getpass.getpass(f"Key of {account}: ")
    return sys.stdin.readline()


async def proofs(watched: list[Watched]) -> list[tuple[str, str, Health]]:
    """The self-test of each list through each resolver."""
    rules = [one.rule for one in watched if one.rule is not None]
    asked = resolvers()
    loopback_only = settings.LOOPBACK_ONLY
    async with Watch(asked, tell=lambda _: None, loopback_only=loopback_only) as watch:
        found = await asyncio.gather(*(watch.test(rule) for rule in rules))
    names = [f"{address}:{port}" for address, port in asked]
    return [
        (rule.name, name, health)
        for rule, healths in zip(rules, found, strict=True)
        for name, health in zip(names, healths, strict=True)
    ]
