"""The scripts that run inside Valkey, where each is one step for all workers.

They are loaded once and called by their hash; a Valkey that began anew is given them again.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from redis.commands.core import Script

from delivery import live

_DIRECTORY = Path(__file__).parent / "lua"


def run(name: str, *, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
    """The answer of lua/NAME.lua. Raises redis.RedisError when Valkey cannot be asked."""
    return _script(name)(keys=list(keys), args=list(args), client=live.connection())


@lru_cache(maxsize=8)
def _script(name: str) -> Script:
    text = (_DIRECTORY / f"{name}.lua").read_text(encoding="utf-8")
    return live.connection().register_script(text)
