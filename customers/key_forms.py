"""What people type in to make an API key."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import keys
from customers.models import Scope
from customers.suppression_files import moment

MOST_RANGES = 50


class KeyForm(forms.Form):
    """A new key. The limit is for administrators: it protects the platform."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        help_text=gettext_lazy("Which program uses it, and where."),
    )
    scopes = forms.TypedMultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=[(one.value, format_lazy("{} ({})", one.label, one.value)) for one in Scope],
        coerce=Scope,
        widget=forms.CheckboxSelectMultiple,
    )
    ip_ranges = forms.CharField(
        label=gettext_lazy("From where"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "IP addresses or ranges, one a line, for example 203.0.113.0/24. Empty: from anywhere."
        ),
    )
    until = forms.DateField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Its last day. Empty: for good."),
    )
    requests_per_minute = forms.IntegerField(
        label=gettext_lazy("Requests a minute"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text=gettext_lazy("Empty: as many as the platform allows every key."),
    )

    def __init__(self, *args: Any, may_set_rate: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if not may_set_rate:
            del self.fields["requests_per_minute"]

    def clean_ip_ranges(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["ip_ranges"].splitlines()]
        ranges = [line for line in lines if line]
        if len(ranges) > MOST_RANGES:
            raise forms.ValidationError(_("At most 50 ranges."))
        return [self._network(line) for line in ranges]

    def clean_until(self) -> datetime | None:
        """The end of that day."""
        day = self.cleaned_data["until"]
        found = moment(day.isoformat()) if day else None
        if found is not None and found <= timezone.now():
            raise forms.ValidationError(_("This day is past."))
        return found

    def values(self) -> dict[str, Any]:
        """As `keys.make` takes them."""
        found = dict(self.cleaned_data)
        found["expires_at"] = found.pop("until")
        return found

    def _network(self, line: str) -> str:
        try:
            return keys.network(line)
        except ValueError:
            words = _("“%(line)s” is no IP address and no range like 203.0.113.0/24.")
            raise forms.ValidationError(words % {"line": line[:60]}) from None
