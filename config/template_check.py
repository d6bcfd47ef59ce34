"""Compiles every template of the product, so that a typo does not wait for a visitor."""

from pathlib import Path

from django.template import TemplateSyntaxError, engines

from config import embedded

TEXT_KINDS = {".html", ".txt", ".xml"}


def template_files(directory: Path = embedded.BASE_DIR / "templates") -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.suffix in TEXT_KINDS)


def broken_templates(paths: list[Path]) -> list[str]:
    """One line for each template that Django cannot compile."""
    engine = engines["django"]
    found = []
    for path in paths:
        try:
            engine.from_string(path.read_text(encoding="utf-8"))
        except TemplateSyntaxError as error:
            found.append(f"{path}: {error}")
    return found
