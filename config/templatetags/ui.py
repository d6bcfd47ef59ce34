"""Small parts of pages: `{% pill state label %}`, `{% bar parts %}`, `{% when moment %}`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms, template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext

register = template.Library()

# How a state looks, besides its word: good, busy, wait, bad, calm.
TONES = {
    "accepted": "good",
    "done": "good",
    "active": "good",
    "normal": "good",
    "sending": "busy",
    "preparing": "busy",
    "reading": "busy",
    "storing": "busy",
    "deferred": "wait",
    "paused": "wait",
    "uncertain": "wait",
    "watch": "wait",
    "noted": "wait",
    "proposed": "wait",
    "warn": "wait",
    "applied": "bad",
    "quarantine": "bad",
    "resting": "wait",
    "held": "wait",
    "bounced": "bad",
    "bounce": "bad",
    "complaint": "bad",
    "matched": "good",
    "unmatched": "wait",
    "delayed": "wait",
    "unsubscribe": "wait",
    "refused": "bad",
    "expired": "bad",
    "failed": "bad",
    "frozen": "bad",
    "setup-ok": "good",
    "setup-wrong": "bad",
    "setup-missing": "bad",
    "setup-unknown": "wait",
    "listed": "bad",
    "suspended": "bad",
    "quarantined": "bad",
}


@register.filter
def tone(state: str) -> str:
    return TONES.get(str(state), "calm")


@register.simple_tag
def pill(state: str, label: str) -> SafeString:
    """A state as word and colour."""
    return format_html('<span class="pill pill-{}">{}</span>', tone(state), label)


@register.inclusion_tag("ui/bar.html")
def bar(parts: Iterable[Any], label: str = "") -> dict[str, Any]:
    """A stacked bar of figures.Share values; widths are SVG attributes, as the CSP wants it."""
    segments, left = [], 0.0
    for part in parts:
        segments.append({"x": f"{left:.2f}", "width": f"{part.percent:.2f}", "part": part})
        left += part.percent
    return {"segments": segments, "label": label}


@register.simple_tag
def when(moment: datetime | None, seconds: bool = False) -> SafeString:
    """A moment in the reader's zone, with the exact one for machines; a dash for none."""
    if moment is None:
        return format_html('<span class="text-secondary">{}</span>', "–")
    local = timezone.localtime(moment)
    form = pgettext("date and time", "j M Y, H:i")
    words = date_format(local, form) + (f":{local:%S}" if seconds else "")
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), words)


@register.filter
def span(seconds: float | None) -> str:
    """A duration in its two largest units at most: "2 h 5 min"."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [
        (days, ngettext("%(n)s day", "%(n)s days", days)),
        (hours, gettext("%(n)s h")),
        (minutes, gettext("%(n)s min")),
        (rest, gettext("%(n)s s")),
    ]
    shown = [words % {"n": number} for number, words in units if number][:2]
    return " ".join(shown) or gettext("%(n)s s") % {"n": 0}


@register.filter
def lookup(values: Mapping[Any, Any], key: Any) -> Any:
    """A value by a key that is itself a variable; None when there is none."""
    return values.get(key)


@register.filter
def control(field: forms.BoundField) -> SafeString:
    """The widget of a form field in the product's look."""
    style = _STYLES.get(type(field.field.widget).__name__, "form-control")
    return field.as_widget(attrs={"class": style} if style else {})


_STYLES = {
    "Select": "form-select",
    "CheckboxInput": "",
    "CheckboxSelectMultiple": "",
    "RadioSelect": "",
    "HiddenInput": "",
}


@register.filter
def is_checkbox(field: forms.BoundField) -> bool:
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.filter
def is_group(field: forms.BoundField) -> bool:
    """Several inputs under one label."""
    return isinstance(field.field.widget, forms.RadioSelect)


@register.simple_tag
def percent(share: float) -> str:
    """A share of 0 to 1 in percent, with as many digits as small rates need."""
    return f"{round(100 * share, 3):g}\N{NO-BREAK SPACE}%"
