"""docs/settings.md and the settings file name the same variables with the same defaults."""

import ast
import re
from collections.abc import Iterator

from config.embedded import BASE_DIR

ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+?) \| (.*) \|$", re.MULTILINE)
ELSEWHERE = {"VAR_DIRECTORY": None}  # read by config.embedded, before there are settings


def documented() -> dict[str, str]:
    rows = ROW.findall((BASE_DIR / "docs" / "settings.md").read_text())
    names = [name for name, _, _ in rows]
    assert sorted(set(names)) == sorted(names), "a variable stands there twice"
    return {name: default for name, default, _ in rows}


def read() -> dict[str, str | None]:
    """Name -> default as the document writes it; None where the file computes it."""
    found: dict[str, str | None] = {}
    for path in (BASE_DIR / "config").glob("*.py"):
        found |= dict(variables(ast.parse(path.read_text())))
    return found | ELSEWHERE


def variables(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = node.func.value, node.args[0] if node.args else None
            is_env = isinstance(owner, ast.Name) and owner.id == "env"
            if is_env and isinstance(name, ast.Constant) and node.func.attr != "require_strong":
                yield str(name.value), default_of(node)


def default_of(call: ast.Call) -> str | None:
    given = [*call.args[1:], *(word.value for word in call.keywords if word.arg == "default")]
    assert isinstance(call.func, ast.Attribute)
    if not given:  # what a server or a secret is without it takes more than a word
        return "empty" if call.func.attr == "text" else None
    if not isinstance(given[0], ast.Constant):
        return None
    value = given[0].value
    assert isinstance(value, str | int)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_every_variable_is_explained_and_every_explained_one_exists():
    assert sorted(documented()) == sorted(read())


def test_the_defaults_are_those_of_the_settings_file():
    told = documented()
    differing = {
        name: (default, told[name])
        for name, default in read().items()
        if default is not None and told[name] != default
    }
    assert differing == {}


def test_the_example_of_the_containers_names_only_what_exists():
    text = (BASE_DIR / "docker" / "hatobin.env.example").read_text()
    assert set(re.findall(r"^([A-Z_]+)=", text, re.MULTILINE)) <= set(read())
