"""`{% load icons %}{% icon "mail" %}`: an icon inside the page, in the colour of its text."""

from functools import cache
from pathlib import Path

from django import template
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from config.icons import ICONS

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """The SVG of one of config.icons.ICONS; a name that is not among them is a template error."""
    if name not in ICONS:
        raise template.TemplateSyntaxError(f"Icon {name!r} is unknown: add it to config/icons.py.")
    return drawing(name)


@cache
def drawing(name: str) -> SafeString:
    path = Path(settings.BASE_DIR) / "static" / "vendor" / "icons" / f"{name}.svg"
    return mark_safe(path.read_text(encoding="utf-8").strip())  # noqa: S308  # made by `make setup`
