"""One product at a time in one var/: two would send everything twice, each with its own beat."""

import fcntl
import os
from pathlib import Path
from typing import IO


class AlreadyRunning(Exception):
    """Somebody runs the product on this var/; the text says who, and what to do."""


def hold(var: Path) -> IO[str]:
    """Take the place; it is free again when the file is closed, also by the end of the process.

    Children that are forked without exec keep it too, so it is theirs until the last has ended.
    """
    path = var / "run" / "product.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRunning(
            f"Hatobin runs here already (process {holder}): stop that, or use another directory "
            "for the data, for example VAR_DIRECTORY=/tmp/hatobin-2."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
