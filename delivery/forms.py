"""What people type in about mailings and pools: its shape only; delivery's verbs judge the rest."""

import csv
import io
from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Customer, RecipientList
from delivery.drafts import Draft, Given, Problem, header_problems
from delivery.models import MailingKind
from delivery.models.mailing import Charset
from delivery.states import DeliveryState, MailingState
from wire import mime

# Names that the column of addresses has in the files people have.
ADDRESS_COLUMNS = frozenset(
    {"address", "email", "e-mail", "mail", "メール", "メールアドレス", "アドレス"}
)


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; the value is a list."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[bytes]]":
        return [super(FilesField, self).clean(item, initial) for item in data or []]


class ComposeForm(forms.Form):
    """A new mailing of one customer."""

    lists = forms.ModelMultipleChoiceField(
        RecipientList.objects.none(),
        label=gettext_lazy("Lists"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    recipients = forms.CharField(
        label=gettext_lazy("Recipients given here"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "CSV: the first line names the columns, one of them “email”. Or one address a line."
        ),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=MailingKind.choices,
        initial=MailingKind.BULK,
        help_text=gettext_lazy(
            "Bulk mail carries a one-click unsubscribe link. Transactional mail goes first."
        ),
    )
    from_name = forms.CharField(label=gettext_lazy("Sender name"), required=False, max_length=120)
    from_address = forms.CharField(label=gettext_lazy("Sender address"), max_length=320)
    reply_to = forms.CharField(label=gettext_lazy("Reply to"), required=False, max_length=320)
    subject = forms.CharField(label=gettext_lazy("Subject"), required=False)
    text = forms.CharField(
        label=gettext_lazy("Text"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text=gettext_lazy(
            "Merge fields: {{ name }}, or {{ name | customer }} with a default for those whose "
            "name is empty. All lists must have the field, default or not. Always there: "
            "{{ email }} and {{ unsubscribe_url }}."
        ),
    )
    html = forms.CharField(
        label=gettext_lazy("HTML"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Optional. Sent beside the text; where no text is written, one is made from the HTML."
        ),
    )
    attachments = FilesField(
        label=gettext_lazy("Attachments"),
        required=False,
        help_text=gettext_lazy("Browsers forget chosen files: after an error choose them again."),
    )
    charset = forms.ChoiceField(
        label=gettext_lazy("Character encoding"), choices=Charset.choices, initial=Charset.UTF8
    )
    needs_tls = forms.BooleanField(
        label=gettext_lazy("Send over TLS only"),
        required=False,
        help_text=gettext_lazy("Receivers without TLS will not get it."),
    )
    headers = forms.CharField(
        label=gettext_lazy("Further headers"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy("One a line, for example X-Campaign: spring."),
    )
    at = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=[("now", gettext_lazy("At once")), ("later", gettext_lazy("At this time"))],
        initial="now",
        widget=forms.RadioSelect,
    )
    scheduled_at = forms.DateTimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists = cast("forms.ModelMultipleChoiceField[RecipientList]", self.fields["lists"])
        lists.queryset = RecipientList.objects.filter(customer=customer).order_by("name")
        zone = timezone.get_current_timezone()
        self.fields["scheduled_at"].help_text = _("Time zone: %(zone)s") % {"zone": zone}

    def clean_recipients(self) -> list[Given]:
        try:
            return read_given(self.cleaned_data["recipients"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_headers(self) -> tuple[tuple[str, str], ...]:
        """Every line that is no header, or none that a sender may add, is told."""
        lines = [line for line in self.cleaned_data["headers"].splitlines() if line.strip()]
        parts = [line.partition(":") for line in lines]
        pairs = tuple((name.strip(), value.strip()) for name, colon, value in parts if colon)
        words = _("“%(line)s” is no header: write a name, a colon and a value.")
        odd = [words % {"line": line[:60]} for line in lines if ":" not in line]
        if problems := [*odd, *map(str, header_problems(pairs))]:
            raise forms.ValidationError(problems)
        return pairs

    def clean_attachments(self) -> "list[UploadedFile[bytes]]":
        files: list[UploadedFile[bytes]] = self.cleaned_data["attachments"]
        size, limit = sum(file.size or 0 for file in files), settings.ATTACHMENT_LIMIT_MB
        if size > limit * 1_000_000:  # refused before anything is read into memory
            figures = {"size": f"{size / 1_000_000:.1f}", "limit": limit}
            raise forms.ValidationError(
                str(Problem("attachments", "attachments-too-large", figures))
            )
        return files

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("at") == "now":
            values["scheduled_at"] = None
        elif not values.get("scheduled_at") and "scheduled_at" not in self.errors:
            self.add_error("scheduled_at", _("Say when, or choose “At once”."))
        return values

    def draft(self) -> Draft:
        """The content, with the line ends of Python; fields with errors are as if left empty."""
        values = {"charset": "utf-8", "kind": "bulk", "needs_tls": False, **self.cleaned_data}
        return Draft(
            subject=values.get("subject", ""),
            from_address=values.get("from_address", ""),
            text=values.get("text", "").replace("\r\n", "\n"),
            html=values.get("html", "").replace("\r\n", "\n"),
            from_name=values.get("from_name", ""),
            reply_to=values.get("reply_to", ""),
            headers=values.get("headers", ()),
            charset=values["charset"],
            kind=values["kind"],
            needs_tls=values["needs_tls"],
            attachments=tuple(_attachment(file) for file in values.get("attachments", ())),
        )

    def show(self, problems: Sequence[Problem]) -> None:
        """Each problem at its field; a field that has its errors already keeps those."""
        told = set(self.errors)
        for problem in problems:
            if problem.field in told:
                continue
            self.add_error(problem.field if problem.field in self.fields else None, str(problem))


def _attachment(file: "UploadedFile[bytes]") -> mime.Attachment:
    kind = file.content_type or "application/octet-stream"
    return mime.Attachment(file.name or "attachment", kind, file.read())


def read_given(text: str) -> list[Given]:
    """Recipients from CSV with a header line, or from lines that are only addresses.

    Raises ValueError with a sentence for what is no table, or has no column of addresses.
    """
    try:
        lines = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error:
        raise ValueError(
            _("This cannot be read as CSV: a cell is too long or not closed.")
        ) from None
    rows = [row for row in lines if any(cell.strip() for cell in row)]
    if not rows:
        return []
    if all(len(row) == 1 for row in rows) and "@" in rows[0][0]:
        return [Given(row[0].strip()) for row in rows]
    names = [name.strip() for name in rows[0]]
    place = next((n for n, name in enumerate(names) if name.lower() in ADDRESS_COLUMNS), None)
    if place is None:
        raise ValueError(_("No column is named “email”. Name the columns in the first line."))
    for number, row in enumerate(rows[1:], start=2):
        if len(row) > len(names):
            raise ValueError(
                _("Row %(row)s has %(found)s cells, the first line names %(expected)s.")
                % {"row": number, "found": len(row), "expected": len(names)}
            )
    return [_given(row, names, place) for row in rows[1:]]


def _given(row: Sequence[str], names: Sequence[str], place: int) -> Given:
    cells = [cell.strip() for cell in row] + [""] * (len(names) - len(row))
    fields = dict(zip(names, cells, strict=True))
    return Given(
        cells[place], {name: value for name, value in fields.items() if name != names[place]}
    )


class MailingFilter(forms.Form):
    """What of the mailings is listed."""

    q = forms.CharField(label=gettext_lazy("Subject contains"), required=False, max_length=200)
    customer = forms.ModelChoiceField(
        Customer.objects.none(),
        label=gettext_lazy("Customer"),
        required=False,
        empty_label=gettext_lazy("All"),
    )
    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)

    def __init__(self, *args: Any, customers: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Customer]", self.fields["customer"]).queryset = customers
        state = cast("forms.ChoiceField", self.fields["state"])
        state.choices = [("", gettext_lazy("All")), *MailingState.choices]


class RecipientFilter(forms.Form):
    """Which recipients of a mailing are listed."""

    address = forms.CharField(label=gettext_lazy("Address"), required=False, max_length=320)
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("All")), *DeliveryState.choices],
    )
    reason = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)


class ReasonForm(forms.Form):
    """Why something is done: every change of the platform's routes says so."""

    why = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
