import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import embedded


@pytest.fixture
def var(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty var/ for servers of its own; short, and open to the account that runs them."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    path = Path(tempfile.mkdtemp(prefix="hatobin-var-"))
    path.chmod(0o755)
    yield path
    if (path / "run").exists():
        embedded.wait_until_stopped(path)
    shutil.rmtree(path)
