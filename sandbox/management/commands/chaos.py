"""manage.py chaos NAME: break things on purpose, in an instance of its own."""

import os
import sys
from importlib import import_module
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from sandbox.bench import throwaway

DRILLS: Final = {"delivery": "sandbox.chaos.delivery"}


class Command(BaseCommand):
    help = "Break things on a throw-away instance; exit code 0 only if nothing is lost."

    def add_arguments(self, parser: CommandParser) -> None:
        names = parser.add_subparsers(dest="drill", required=True, metavar="NAME")
        for name in DRILLS:
            one = names.add_parser(name, help=self.drill(name).__doc__)
            one.add_argument("--json", action="store_true", help="figures on the last line")
            self.drill(name).add_arguments(one)

    def run_from_argv(self, argv: list[str]) -> None:
        """Begin anew in an instance of our own, unless this is it already."""
        if throwaway.is_inside():
            super().run_from_argv(argv)
            return
        options = self.create_parser(argv[0], argv[1]).parse_args(argv[2:])
        for name, value in self.drill(options.drill).SETTINGS.items():
            os.environ[name] = value
        sys.exit(throwaway.begin_anew(argv[1:]))

    def handle(self, *args: Any, **options: Any) -> None:
        with throwaway.database():
            result = self.drill(options["drill"]).run(options)
        self.stdout.write("\n".join(result.lines))
        if options["json"]:
            self.stdout.write(result.as_json(options["drill"]))
        sys.exit(0 if result.ok else 1)

    def drill(self, name: str) -> Any:
        """A module with `SETTINGS`, `add_arguments(parser)` and `run(options) -> Result`."""
        return import_module(DRILLS[name])
