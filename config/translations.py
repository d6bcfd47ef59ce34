"""Compiles and checks locale/*/LC_MESSAGES/*.po without gettext: `python -m config.translations`.

With `--check` it compiles nothing: it names every text that is not translated, and every one
that a change of the English has made doubtful (fuzzy). No Django here.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import polib

BASE_DIR = Path(__file__).resolve().parent.parent


def catalogues(locale: Path) -> Iterator[Path]:
    return iter(sorted(locale.glob("*/LC_MESSAGES/*.po")))


def compile_all(locale: Path) -> list[Path]:
    """Writes a .mo beside each .po that is newer; returns those written."""
    written = []
    for path in catalogues(locale):
        target = path.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < path.stat().st_mtime:
            polib.pofile(str(path)).save_as_mofile(str(target))
            written.append(target)
    return written


def gaps(path: Path) -> list[str]:
    """One line for each text without a finished translation, with its place."""
    entries = [entry for entry in polib.pofile(str(path)) if not entry.obsolete]
    return [
        f"{path}:{entry.linenum}: {'fuzzy' if entry.fuzzy else 'not translated'}: {entry.msgid!r}"
        for entry in entries
        if not entry.translated()
    ]


def main(arguments: list[str]) -> int:
    locale = BASE_DIR / "locale"
    if "--check" not in arguments:
        compile_all(locale)
        return 0
    found = [line for path in catalogues(locale) for line in gaps(path)]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
