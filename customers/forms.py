"""What people type in about lists, imports and suppressions."""

from datetime import date, datetime

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import suppression_files
from customers.models import Basis, ContactStatus, SuppressionReason
from wire.addresses import InvalidAddress, parse


class ListForm(forms.Form):
    """A new list."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)


class ImportForm(forms.Form):
    """A file of contacts, and why they may be mailed."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
        help_text=gettext_lazy(
            "The first line names the columns. UTF-8, Shift_JIS and ISO-2022-JP are recognised."
        ),
    )
    basis = forms.ChoiceField(
        label=gettext_lazy("Why they may be mailed"),
        choices=[("", gettext_lazy("Choose one")), *Basis.choices],
        help_text=gettext_lazy("Kept with every contact, as the law on mail advertising asks."),
    )


class ContactFilter(forms.Form):
    """Which contacts of a list are shown."""

    q = forms.CharField(label=gettext_lazy("Address begins with"), required=False, max_length=320)
    status = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("All")), *ContactStatus.choices],
    )


class SuppressionForm(forms.Form):
    """One address that must not be mailed."""

    address = forms.CharField(label=gettext_lazy("Address"), max_length=320)
    note = forms.CharField(label=gettext_lazy("Reason"), max_length=300)
    until = forms.DateField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Empty: for good."),
    )

    def clean_address(self) -> str:
        """Its canonical key."""
        try:
            return parse(self.cleaned_data["address"]).key
        except InvalidAddress as error:
            raise forms.ValidationError(str(error)) from None

    def clean_until(self) -> date | None:
        """Today is the earliest: it ends with the day."""
        until: date | None = self.cleaned_data["until"]
        if until and until < timezone.localdate():
            raise forms.ValidationError(_("This day is past."))
        return until

    def expires_at(self) -> datetime | None:
        """The end of the last day."""
        until = self.cleaned_data["until"]
        return suppression_files.moment(until.isoformat()) if until else None


class SuppressionFileForm(forms.Form):
    """A file of such addresses."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
        help_text=gettext_lazy(
            "One column named “email”; “reason” and “expires_at” are read if they are there."
        ),
    )


class SuppressionFilter(forms.Form):
    """Which suppressions are shown."""

    q = forms.CharField(label=gettext_lazy("Address begins with"), required=False, max_length=320)
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        required=False,
        choices=[("", gettext_lazy("All")), *SuppressionReason.choices],
    )
    lifted = forms.BooleanField(label=gettext_lazy("Lifted ones too"), required=False)


class LiftForm(forms.Form):
    """Why an address may be mailed again."""

    why = forms.CharField(label=gettext_lazy("Reason"), max_length=300)
    consent = forms.CharField(required=False, max_length=300)
