"""The examples of docs/api/README.md, run as they stand against a server that listens."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.embedded import BASE_DIR
from customers.api.problem_kinds import KINDS
from customers.models import Customer, Suppression
from tests.support.keys import make_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

TEXT = (BASE_DIR / "docs" / "api" / "README.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:{BASE_DIR / '.venv' / 'bin'}")
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return found


@pytest.fixture
def run(asagao: Customer, live_server: Any, tmp_path: Path) -> Any:
    environment = {
        "PATH": os.environ["PATH"],
        "HATOBIN_URL": live_server.url,
        "HATOBIN_KEY": make_key(asagao).text,
        "no_proxy": "*",
    }

    def run_it(*command: str, text: str = "") -> str:
        done = subprocess.run(
            command, input=text, cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_it


def held() -> list[tuple[str, str, bool]]:
    rows = Suppression.objects.order_by("key").values_list("key", "reason", "lifted_at")
    return [(key, reason, lifted is None) for key, reason, lifted in rows]


def test_the_example_for_curl_works(run: Any) -> None:
    program("curl")
    told = run("sh", "-eu", text=example("sh"))
    assert '"address":"hanako@shop.example"' in told
    assert '{"added":0,"known":1}' in told
    assert held() == [("hanako@shop.example", "manual", True)]


def test_the_example_in_python_works(run: Any) -> None:
    told = run(sys.executable, "-", text=example("python"))
    assert told.startswith("nobody ")
    assert told.endswith("1 suppressed\n")
    assert held() == [("taro@shop.example", "unsubscribed", True)]


def test_the_example_for_node_works(run: Any) -> None:
    node = program("node")
    told = run(node, "--input-type=module", "-", text=example("javascript"))
    assert told.startswith("jiro@shop.example 20")
    assert held() == [("jiro@shop.example", "manual", False)]


def test_every_problem_has_a_status_and_words_of_its_own() -> None:
    assert all(400 <= kind.status <= 500 for kind in KINDS.values())
    assert all(str(kind.title) and str(kind.next_step) for kind in KINDS.values())
