"""Rules that the whole code keeps, read from the code itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded import BASE_DIR

PACKAGES = ("config", "wire", "customers", "delivery", "compliance", "blacklist", "sandbox")
MODULE_LINES = 300
LONGER_ON_PURPOSE: set[str] = set()  # path -> say why here, in a comment


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((BASE_DIR / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def calls(path: Path) -> Iterator[tuple[str, ast.Call, ast.Attribute, str]]:
    """Every call of a method in a module: place, call, method, and the line it ends on."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            last = lines[(node.end_lineno or node.lineno) - 1]
            yield f"{path}:{node.lineno}", node, node.func, last


def bare_saves(path: Path) -> list[str]:
    found = []
    for place, call, method, line in calls(path):
        names = {keyword.arg for keyword in call.keywords}
        of_a_form = getattr(method.value, "id", "").endswith("form")
        allowed = "update_fields" in names or of_a_form or "# new row" in line
        if method.attr == "save" and not allowed:
            found.append(place)
    return found


def hasty_tasks(path: Path) -> list[str]:
    methods = {"delay", "apply_async"}
    return [
        place
        for place, _, method, line in calls(path)
        if method.attr in methods and "# no transaction" not in line
    ]


def test_the_layers_hold():
    # In a process of its own: it would switch off the loggers of this one.
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    ended = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_saving_an_existing_row_names_its_fields():
    """A bare save() writes back every column, also those another worker has changed since."""
    assert [place for path in modules() for place in bare_saves(path)] == []


def test_tasks_are_enqueued_when_the_transaction_is_committed():
    """A task enqueued earlier may look for a row that is not there yet."""
    assert [place for path in modules() for place in hasty_tasks(path)] == []


def test_modules_stay_short_enough_to_read():
    long = {
        str(path.relative_to(BASE_DIR)): lines
        for path in modules()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MODULE_LINES
    }
    assert set(long) == LONGER_ON_PURPOSE, long


def test_modules_are_named_after_subjects():
    vague = {"utils", "helpers", "services", "common", "misc", "manager", "handlers"}
    assert [str(path) for path in modules() if path.stem in vague] == []


def test_every_module_says_what_it_is():
    silent = [
        str(path.relative_to(BASE_DIR))
        for path in modules()
        if path.name != "__init__.py"
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("line", "saves", "tasks"),
    [
        ("row.save()", 1, 0),
        ("row.save(update_fields=['state'])", 0, 0),
        ("row.save()  # new row", 0, 0),
        ("form.save()", 0, 0),
        ("poll.delay(1)", 0, 1),
        ("poll.apply_async(args)", 0, 1),
        ("poll.delay(1)  # no transaction", 0, 0),
        ("poll.delay_on_commit(1)", 0, 0),
    ],
)
def test_the_checks_themselves_see_what_they_should(tmp_path, line, saves, tasks):
    path = tmp_path / "checked.py"
    path.write_text(line + "\n")
    assert (len(bare_saves(path)), len(hasty_tasks(path))) == (saves, tasks)
