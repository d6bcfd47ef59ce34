"""What operators type in about limits, warm-ups and customers' shares: shape only."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from delivery import limits, quotas
from delivery.models import Assignment, Destination, IpState, SendingIp

_REASON = {"label": _("Reason"), "max_length": 300}


class LimitsForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A group's limits. Empty: none."""

    why = forms.CharField(**_REASON)  # type: ignore[arg-type]

    class Meta:
        model = Destination
        fields = limits.FIELDS

    def limits(self) -> dict[str, int | float | None]:
        """For `limits.change`."""
        return {name: self.cleaned_data[name] for name in limits.FIELDS}


class ShareForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A customer's weight and limits."""

    why = forms.CharField(**_REASON)  # type: ignore[arg-type]

    class Meta:
        model = Assignment
        fields = quotas.FIELDS
        labels = {
            "weight": _("Weight"),
            "messages_per_hour": _("Messages an hour"),
            "messages_per_day": _("Messages a day"),
        }

    def share(self) -> dict[str, int | None]:
        """For `quotas.change`."""
        return {name: self.cleaned_data[name] for name in quotas.FIELDS}


class WarmUpForm(forms.Form):
    """Begin a warm-up today."""

    ip = forms.ModelChoiceField(SendingIp.objects.none(), label=_("IP"))
    first = forms.IntegerField(
        label=_("Messages on the first day, to each group"),
        initial=50,
        min_value=1,
        max_value=10**6,
    )
    factor = forms.FloatField(
        label=_("Times as many each day"), initial=2.0, min_value=1.1, max_value=10
    )
    cap = forms.IntegerField(
        label=_("Warm from so many a day"), initial=100_000, min_value=2, max_value=10**8
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField[SendingIp]", self.fields["ip"])
        field.queryset = SendingIp.objects.exclude(state=IpState.RETIRED).order_by("address")
