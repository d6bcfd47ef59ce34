#!/usr/bin/env python3
"""Runs Hatobin's commands; lends the embedded servers to those that need a database."""

import contextlib
import os
import sys

# Commands that read code or only print: they work without database and Redis.
SERVERLESS = {
    "bench",  # on servers of its own
    "chaos",
    "check",
    "collectstatic",
    "help",
    "sandbox",
    "templates",
    "version",
}


def main(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415

        from config import embedded  # noqa: PLC0415
    except ModuleNotFoundError as error:
        return complain(f"{error}. Run `make setup`, then use .venv/bin/python.")
    try:
        with embedded.services(embedded.var_directory()) if needs_servers(arguments) else idle():
            execute_from_command_line(arguments)
    except embedded.EmbeddedError as error:
        return complain(str(error))
    except KeyboardInterrupt:
        return 130
    return 0


def needs_servers(arguments: list[str]) -> bool:
    words = [word for word in arguments[1:] if not word.startswith("-")]
    asks_for_help = {"-h", "--help", "--version"} & set(arguments)
    return bool(words) and words[0] not in SERVERLESS and not asks_for_help


def idle() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def complain(sentence: str) -> int:
    print(f"hatobin: {sentence}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
