"""The reason that a change asks for, as given with a post."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from delivery.forms import ReasonForm


def reason_of(request: HttpRequest) -> str:
    """What was given, or "" after telling that it is needed."""
    form = ReasonForm(request.POST)
    if form.is_valid():
        return str(form.cleaned_data["why"])
    messages.error(request, _("Nothing was changed: give a reason of at most 300 characters."))
    return ""
