"""What people type in about lists and imports."""

from django import forms
from django.utils.translation import gettext_lazy

from customers.models import Basis, ContactStatus


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
