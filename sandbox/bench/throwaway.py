"""An instance of our own for a measurement: new servers in a temporary directory, gone at its end.

The servers write to disk as in production. The user's data are never touched: the command begins
anew in a process that knows nothing of the user's DATABASE_URL and VAR_DIRECTORY.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.management import call_command

from config import embedded

MARK: Final = "HATOBIN_BENCH"  # set in the process that measures
_FOREIGN: Final = ("DATABASE_URL", "DATABASE_URL_FILE", "REDIS_URL", "REDIS_URL_FILE")
_OWN: Final = {"HATOBIN_ENV": "development", "DEBUG": "false", "LOG_LEVEL": "WARNING", MARK: "1"}


def is_inside() -> bool:
    """Whether this process is the one that measures."""
    return MARK in os.environ


def environment(found: Mapping[str, str], var: Path) -> dict[str, str]:
    """The environment of the process that measures. Pure."""
    kept = {name: value for name, value in found.items() if name not in _FOREIGN}
    return kept | _OWN | {"VAR_DIRECTORY": str(var)}


def begin_anew(arguments: Sequence[str]) -> int:
    """Run `manage.py ARGUMENTS` in a new instance; its exit code. Nothing of it is left behind."""
    var = Path(tempfile.mkdtemp(prefix="hatobin-bench-"))
    var.chmod(0o755)  # as root the servers run under another account, which has to enter
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    try:
        return subprocess.run(command, env=environment(os.environ, var), check=False).returncode
    finally:
        remove(var)


def remove(var: Path) -> None:
    """The directory, and the data beside it when the servers' account could not enter it."""
    data = (var / "postgres").resolve()
    if data.exists() and not data.is_relative_to(var.resolve()):
        shutil.rmtree(data.parent, ignore_errors=True)
    shutil.rmtree(var, ignore_errors=True)


@contextmanager
def database() -> Iterator[None]:
    """Servers with an empty, migrated database, for the process that measures."""
    with embedded.services(settings.VAR_DIR):
        call_command("migrate", verbosity=0)
        yield
