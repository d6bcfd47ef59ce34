"""manage.py bench NAME: one benchmark, in an instance of its own."""

import sys
from importlib import import_module
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sandbox.bench import BENCHES, throwaway
from sandbox.bench.result import Bench, Result

# Whole numbers that are no counts, so 0 makes sense.
ANY_NUMBER = {"seed", "verbosity"}


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
        self.try_out(self.create_parser(argv[0], argv[1]), argv[2:])
        sys.exit(throwaway.begin_anew(argv[1:]))

    def try_out(self, parser: CommandParser, arguments: list[str]) -> None:
        """-h and mistakes end here, before any server is started."""
        try:
            found = vars(parser.parse_args(arguments))
        except CommandError as error:
            self.refuse(str(error).removeprefix("Error: "))
        else:
            for name, value in found.items():
                if name not in ANY_NUMBER and type(value) is int and value < 1:
                    self.refuse(f"argument --{name}: give a whole number of at least 1.")

    def refuse(self, words: str) -> NoReturn:
        self.stderr.write(f"bench: {words}")
        sys.exit(2)

    def handle(self, *args: Any, **options: Any) -> None:
        with throwaway.database():
            result = self.bench(options["bench"]).run(options)
        self.show(result, options)
        sys.exit(0 if result.ok else 1)

    def show(self, result: Result, options: dict[str, Any]) -> None:
        self.stdout.write("\n".join(result.lines))
        if not result.ok:
            self.stderr.write(f"The bar of bench {options['bench']} was missed: see above.")
        if options.get("json"):
            self.stdout.write(result.as_json(options["bench"]))

    def bench(self, name: str) -> Bench:
        module: Any = import_module(BENCHES[name])
        return module  # type: ignore[no-any-return]  # a module has no better type
