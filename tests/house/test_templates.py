"""Pages: every template compiles, and nothing is fetched from anywhere else."""

import re

import pytest
from django.core.management import call_command
from django.template import TemplateSyntaxError

from config.embedded import BASE_DIR
from config.icons import ICONS
from config.template_check import broken_templates, template_files
from config.templatetags.icons import icon

FOREIGN = re.compile(r"""(?:src|href|action|poster|data)\s*=\s*["'](?:https?:)?//""", re.IGNORECASE)
FOREIGN_IN_CSS = re.compile(r"""(?:@import|url\()\s*["']?(?:https?:)?//""", re.IGNORECASE)
LINK = re.compile(r"<a\s[^>]*>", re.IGNORECASE | re.DOTALL)
INLINE = re.compile(
    r"""\s(?:style|on[a-z]+)\s*=\s*["']|<script(?![^>]*\bsrc=)[^>]*>|<style""", re.IGNORECASE
)


def pages():
    return [path for path in template_files() if path.suffix == ".html"]


def without_mail(paths):
    """Mail has no stylesheet to refer to: its templates keep their styles in place."""
    return [path for path in paths if "mail" not in path.parts]


def places(pattern, paths, *, ignoring=None):
    found = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        text = ignoring.sub("", text) if ignoring else text
        found += [f"{path.relative_to(BASE_DIR)}: {match}" for match in pattern.findall(text)]
    return found


def test_every_template_compiles():
    assert broken_templates(template_files()) == []


def test_the_command_counts_them(capsys):
    call_command("templates")
    assert capsys.readouterr().out == f"{len(template_files())} templates compile\n"


def test_a_broken_template_is_named(tmp_path):
    path = tmp_path / "broken.html"
    path.write_text("{% if %}")
    assert broken_templates([path])[0].startswith(f"{path}: ")


def test_no_page_loads_anything_from_elsewhere():
    """Links that a reader may follow are fine; what a browser fetches by itself is not."""
    assert places(FOREIGN, pages(), ignoring=LINK) == []


def test_no_stylesheet_loads_anything_from_elsewhere():
    assert places(FOREIGN_IN_CSS, sorted((BASE_DIR / "static").rglob("*.css"))) == []


def test_no_page_has_inline_scripts_or_styles():
    """The Content-Security-Policy would refuse them, without a word to the visitor."""
    assert places(INLINE, without_mail(pages())) == []


@pytest.mark.parametrize(
    "text", ['<img src="https://cdn.example/x">', "<link href='//cdn.example/x.css'>"]
)
def test_the_check_sees_foreign_assets(text):
    assert FOREIGN.search(text)


def test_an_icon_stands_in_the_page():
    assert icon("mail").startswith("<svg class=")
    assert "currentColor" in icon("mail")


def test_an_unknown_icon_says_where_to_add_it():
    with pytest.raises(
        TemplateSyntaxError, match=r"'spaceship' is unknown: add it to config/icons"
    ):
        icon("spaceship")


def test_icons_are_sorted_and_single():
    assert list(ICONS) == sorted(set(ICONS))


def test_every_icon_that_a_template_names_exists():
    used = re.compile(r"""\{%\s*icon\s+["']([^"']+)["']""")
    named = {name for path in pages() for name in used.findall(path.read_text(encoding="utf-8"))}
    assert named - set(ICONS) == set()
