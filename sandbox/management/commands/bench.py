"""manage.py bench NAME: one benchmark, in an instance of its own."""

import sys
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sandbox.bench import BENCHES, throwaway
from sandbox.bench.result import Bench, Result


class Command(BaseCommand):
    help = "Measure one thing on a throw-away database; exit code 0 only if its bar is held."

    def add_arguments(self, parser: CommandParser) -> None:
        names = parser.add_subparsers(dest="bench", required=True, metavar="NAME")
        for name in BENCHES:
            one = names.add_parser(name, help=self.bench(name).__doc__)
            one.add_argument("--json", action="store_true", help="figures on the last line")
            self.bench(name).add_arguments(one)

    def run_from_argv(self, argv: list[str]) -> None:
        """Begin anew in an instance of our own, unless this is it already."""
        if throwaway.is_inside():
            super().run_from_argv(argv)
            return
        self.create_parser(argv[0], argv[1]).parse_args(argv[2:])  # -h and mistakes end here
        sys.exit(throwaway.begin_anew(argv[1:]))

    def handle(self, *args: Any, **options: Any) -> None:
        with throwaway.database():
            result = self.bench(options["bench"]).run(options)
        self.show(result, options)
        sys.exit(0 if result.ok else 1)

    def show(self, result: Result, options: dict[str, Any]) -> None:
        self.stdout.write("\n".join(result.lines))
        if options["json"]:
            self.stdout.write(result.as_json(options["bench"]))

    def bench(self, name: str) -> Bench:
        module: Any = import_module(BENCHES[name])
        return module  # type: ignore[no-any-return]  # a module has no better type
