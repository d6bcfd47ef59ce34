"""The repository itself: files agree with each other, and nothing of one machine is in them."""

import json
import re
import subprocess
import tomllib

import pytest

from config.embedded import BASE_DIR

DOCUMENTS = sorted(
    path
    for path in [*BASE_DIR.glob("*.md"), *(BASE_DIR / "docs").rglob("*.md"), BASE_DIR / "docker"]
    if path.is_file()
)


def read(name: str) -> str:
    return (BASE_DIR / name).read_text(encoding="utf-8")


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*##", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("name", ["base", "dev", "node"])
def test_every_dependency_says_what_it_is_for(name):
    lines = [line for line in read(f"requirements/{name}.in").splitlines() if line[:1].isalpha()]
    assert [
        line for line in lines if not re.search(r"\S\s+#\s+\S", line) and line != "tzdata"
    ] == []


@pytest.mark.parametrize("name", ["base", "dev", "node"])
def test_every_dependency_is_pinned_with_hashes(name):
    text = read(f"requirements/{name}.txt")
    pins = re.findall(r"(?m)^[a-z0-9][^\s=]*==", text)
    assert len(pins) > 1
    blocks = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_no_file_names_a_package_index():
    names = [f"requirements/{name}.txt" for name in ("base", "dev", "node")]
    for name in [*names, "package-lock.json"]:
        assert not re.search(r"https?://(?!opencollective|github)", read(name)), name
    packages = json.loads(read("package-lock.json"))["packages"].values()
    assert all("resolved" not in package for package in packages)


def test_names_and_versions_agree():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert project["name"] == json.loads(read("package.json"))["name"] == "hatobin"
    assert f"image: hatobin:{project['version']}\n" in read("docker/compose.yaml")
    assert "Apache License" in read("LICENSE")
    assert project["license"] == json.loads(read("package.json"))["license"] == "Apache-2.0"


def test_every_make_target_in_the_documents_exists():
    pattern = re.compile(r"(?:`|^\s*(?:\$ )?)make ([a-z]+)", re.MULTILINE)
    named = {name for path in DOCUMENTS for name in pattern.findall(path.read_text("utf-8"))}
    assert named - make_targets() == set()


def test_make_help_prints_every_target():
    printed = subprocess.run(
        ["make", "help"], cwd=BASE_DIR, capture_output=True, text=True, check=True
    ).stdout
    assert {"setup", "demo", "test", "run", "check", "help"} <= make_targets()
    assert set(re.findall(r"make ([a-z]+)", printed)) == make_targets()


def test_what_is_made_is_not_kept():
    ignored = read(".gitignore")
    for name in ("/.venv/", "/var/", "/node_modules/", "/static/vendor/", "*.mo", "/docker/*.env"):
        assert f"{name}\n" in ignored


def test_no_secret_can_get_into_the_image():
    left_out = read("docker/Dockerfile.dockerignore").splitlines()
    assert {"var", ".git", "docker/*.env"} <= set(left_out)
    assert "USER hatobin" in read("docker/Dockerfile")
