"""What operators type in about consequences, rules of their own, and thresholds: shape only."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from compliance.models import Mode
from compliance.thresholds import Limits
from customers.models import Customer
from delivery import consequences_policy, verdict_rules, wording
from delivery.consequences_policy import Figures
from delivery.models import SuppressionScope
from wire.replies import CATEGORIES, Party, Permanence
from wire.reply_patterns import PatternRefused, check_pattern
from wire.reply_text import PhraseRefused, phrase

_REASON = {"label": _("Reason"), "max_length": 300}
_MOST_DAYS = 3650


class FiguresForm(forms.Form):
    """When one category suppresses, whom for, and for how long. Its prefix is the category."""

    scope = forms.ChoiceField(label=_("Suppressed for"), choices=SuppressionScope.choices)
    strikes = forms.IntegerField(label=_("Failures it takes"), min_value=1, max_value=100)
    strikes_after_data = forms.IntegerField(
        label=_("When said only after the message"), min_value=1, max_value=100
    )
    within_days = forms.IntegerField(label=_("Within days"), min_value=1, max_value=_MOST_DAYS)
    lasts_days = forms.IntegerField(
        label=_("For days"),
        min_value=1,
        max_value=_MOST_DAYS,
        required=False,
        help_text=_("Empty: for good."),
    )
    why = forms.CharField(**_REASON)  # type: ignore[arg-type]

    def clean_lasts_days(self) -> int | None:
        days: int | None = self.cleaned_data["lasts_days"]
        if days is not None and consequences_policy.lasts_for_good(self.prefix or ""):
            raise forms.ValidationError(_("What the recipient asked for does not end by itself."))
        return days

    def figures(self) -> Figures:
        """For `consequences_policy.change`."""
        values = self.cleaned_data
        return Figures(
            SuppressionScope(values["scope"]),
            values["strikes"],
            values["strikes_after_data"],
            values["within_days"],
            values["lasts_days"],
        )


class RuleForm(forms.Form):
    """A rule for replies like one that came in."""

    name = forms.SlugField(
        label=_("Name"), max_length=50, help_text=_("Letters, digits and hyphens.")
    )
    words = forms.CharField(
        label=_("Words of the reply"),
        max_length=300,
        required=False,
        help_text=_("In this order; * stands for anything between them."),
    )
    regex = forms.CharField(
        label=_("Or a regular expression"),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )
    mx = forms.CharField(
        label=_("Only from mail hosts that end in"), max_length=253, required=False
    )
    category = forms.ChoiceField(label=_("What it means"))
    blamed = forms.ChoiceField(label=_("Whose doing it is"), required=False)
    permanence = forms.ChoiceField(label=_("Is it final"), required=False)
    why = forms.CharField(**_REASON)  # type: ignore[arg-type]
    despite_conflicts = forms.BooleanField(
        label=_("Save it although it takes replies from other rules"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = sorted(CATEGORIES - {"accepted", "unclassified"})
        self._offer(
            "category",
            [
                ("", _("Choose one")),
                *((code, wording.words_for(code, wording.REASONS)) for code in known),
            ],
        )
        parties = [(party.value, wording.words_for(party, wording.PARTIES)) for party in Party]
        self._offer("blamed", [("", _("As usual for that meaning")), *parties])
        self._offer(
            "permanence",
            [
                ("", _("As its code says")),
                (Permanence.permanent.value, _("final")),
                (Permanence.temporary.value, _("may succeed later")),
            ],
        )

    def _offer(self, name: str, choices: list[tuple[str, Any]]) -> None:
        cast("forms.ChoiceField", self.fields[name]).choices = choices

    def clean_words(self) -> str:
        """Like the expression, refused here in the reader's language, before the rule is read."""
        words = str(self.cleaned_data["words"])
        try:
            if words:
                phrase(words)
        except PhraseRefused as error:
            raise forms.ValidationError(
                wording.words_for(error.code, wording.PHRASES), code=error.code
            ) from error
        return words

    def clean_regex(self) -> str:
        pattern = str(self.cleaned_data["regex"])
        try:
            check_pattern(pattern)
        except PatternRefused as error:
            words = wording.words_for(error.code, wording.PATTERNS)
            raise forms.ValidationError(words, code=error.code, params=error.params) from error
        return pattern

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if self.errors.get("words") or self.errors.get("regex"):
            return values
        if not values.get("words") and not values.get("regex"):
            self.add_error("words", _("Say by which words or expression it is known."))
        return values

    def table(self, sample: dict[str, str]) -> dict[str, Any]:
        """As wire.reply_rules reads it."""
        values = self.cleaned_data
        table: dict[str, Any] = {
            "id": verdict_rules.PREFIX + values["name"],
            "category": values["category"],
            "samples": [sample],
        }
        if values["words"]:
            table["words"] = [values["words"]]
        given = ("regex", "mx", "blamed", "permanence")
        return table | {name: values[name] for name in given if values[name]}


class ThresholdForm(forms.Form):
    """The rates (in percent) of one measure, for all customers or one."""

    customer = forms.ModelChoiceField(
        Customer.objects.none(), label=_("Customer"), required=False, empty_label=_("All")
    )
    warn = forms.FloatField(label=_("Warning from %"), min_value=0.001, max_value=100)
    watch = forms.FloatField(label=_("Watched from %"), min_value=0.001, max_value=100)
    quarantine = forms.FloatField(label=_("Quarantined from %"), min_value=0.001, max_value=100)
    minimum = forms.IntegerField(label=_("Of at least so many"), min_value=1, max_value=10**8)
    hours = forms.IntegerField(label=_("Within hours"), min_value=1, max_value=24 * 90)
    mode = forms.ChoiceField(label=_("What happens"), choices=Mode.choices)
    why = forms.CharField(**_REASON)  # type: ignore[arg-type]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField[Customer]", self.fields["customer"])
        field.queryset = Customer.objects.order_by("name")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        rates = [values.get(name) for name in ("warn", "watch", "quarantine")]
        if None not in rates and rates != sorted(cast("list[float]", rates)):
            self.add_error("quarantine", _("Each rate has to be as high as the one before it."))
        return values

    def limits(self) -> Limits:
        """For `thresholds.change`."""
        values = self.cleaned_data
        return Limits(
            values["warn"] / 100,
            values["watch"] / 100,
            values["quarantine"] / 100,
            minimum=values["minimum"],
            hours=values["hours"],
            mode=Mode(values["mode"]),
        )

    @staticmethod
    def initial_of(limits: Limits) -> dict[str, Any]:
        """The figures of now, as they are typed."""
        return {
            "warn": round(100 * limits.warn, 4),
            "watch": round(100 * limits.watch, 4),
            "quarantine": round(100 * limits.quarantine, 4),
            "minimum": limits.minimum,
            "hours": limits.hours,
            "mode": limits.mode,
        }
