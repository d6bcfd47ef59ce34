"""One product at a time in one directory."""

from pathlib import Path

import pytest

from config import single


def test_a_second_one_is_told_who_runs_and_the_place_is_free_afterwards(tmp_path: Path) -> None:
    with single.hold(tmp_path), pytest.raises(single.AlreadyRunning, match=r"\(process \d+\)"):
        single.hold(tmp_path)
    single.hold(tmp_path).close()
