"""Builds static/vendor/ from the npm packages: `python -m config.assets`, part of `make setup`.

Only what pages use is copied, so that nothing else can be served. No Django here.
"""

import json
import re
import shutil
import sys
from pathlib import Path

from config.icons import ICONS

BASE_DIR = Path(__file__).resolve().parent.parent

# npm package -> files of it that pages use.
FILES = {
    "@tabler/core": ("dist/css/tabler.min.css", "dist/js/tabler.min.js"),
    "echarts": ("dist/echarts.min.js",),
}
LICENSED = (*FILES, "@tabler/icons", "@popperjs/core", "zrender", "tslib")
SOURCE_MAP = re.compile(r"(?m)^(/\*|//)# sourceMappingURL=.*$\n?")


class MissingAsset(Exception):
    """An npm package lacks a file that pages use; the text names it."""


def build(modules: Path, vendor: Path) -> None:
    """Fills `vendor` anew from `modules` (a node_modules directory). Raises MissingAsset."""
    draft = vendor.with_name("vendor.new")
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "icons").mkdir(parents=True)
    for package, names in FILES.items():
        for name in names:
            text = read(modules / package / name)
            # Maps are not shipped, and hashed static files fail on a link that leads nowhere.
            write(draft / Path(name).name, SOURCE_MAP.sub("", text))
    for icon in ICONS:
        svg = read(modules / "@tabler/icons/icons/outline" / f"{icon}.svg")
        write(draft / "icons" / f"{icon}.svg", inlined(svg))
    write(draft / "LICENSES.txt", "\n\n".join(licence(modules / name) for name in LICENSED))
    shutil.rmtree(vendor, ignore_errors=True)
    draft.rename(vendor)


def inlined(svg: str) -> str:
    """An icon as it stands in a page: one line, sized by CSS, skipped by screen readers."""
    shapes = svg[svg.index(">") + 1 :].replace(
        '<path stroke="none" d="M0 0h24v24H0z" fill="none" />', ""
    )
    head = (
        '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
    )
    return head + re.sub(r"\s*\n\s*", "", shapes) + "\n"


def licence(package: Path) -> str:
    facts = json.loads(read(package / "package.json"))
    heading = f"{facts['name']} {facts['version']} ({facts['license']})"
    texts = [read(path) for name in ("LICENSE", "NOTICE") if (path := package / name).exists()]
    return "\n\n".join([heading, *texts])


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingAsset(f"{path} is missing: run `make setup`, which installs it.") from None


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def main() -> int:
    try:
        build(BASE_DIR / "node_modules", BASE_DIR / "static" / "vendor")
    except MissingAsset as error:
        print(f"hatobin: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
