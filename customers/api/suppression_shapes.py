"""Suppressions as JSON: what comes in, what goes out, how a list is filtered."""

from datetime import UTC, datetime
from typing import Any, ClassVar, cast

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from customers.api.fields import AddressField, MomentField, Strict
from customers.models import ApiKey, Suppression, SuppressionReason
from customers.models.suppression import SuppressionQuerySet
from customers.suppression_batches import Entry
from wire.addresses import InvalidAddress, parse

MOST_ITEMS = 1000
SCOPES = ("customer", "everyone")


class SuppressionShape(serializers.ModelSerializer[Suppression]):
    """One reason not to mail an address."""

    address = serializers.EmailField(source="key")
    scope = serializers.SerializerMethodField()
    evidence = serializers.SerializerMethodField()
    lifted_why = serializers.SerializerMethodField()
    created_at = MomentField()
    expires_at = MomentField(allow_null=True)
    lifted_at = MomentField(allow_null=True)

    class Meta:
        model = Suppression
        fields: ClassVar = [
            "id", "address", "reason", "scope", "customer", "evidence", "created_at", "expires_at",
            "lifted_at", "lifted_why",
        ]  # fmt: skip

    @extend_schema_field(serializers.ChoiceField(SCOPES))
    def get_scope(self, row: Suppression) -> str:
        return "customer" if row.customer_id else "everyone"

    def get_evidence(self, row: Suppression) -> dict[str, Any]:
        """What caused it. Of those for everyone it may be another customer's mail: not told."""
        return dict(row.evidence) if self._is_own(row) else {}

    def get_lifted_why(self, row: Suppression) -> str:
        return row.lifted_why if self._is_own(row) else ""

    def _is_own(self, row: Suppression) -> bool:
        key: ApiKey = self.context["key"]
        return key.can_operate or row.customer_id is not None


class NewSuppression(Strict):
    """An address that must not be mailed."""

    address = AddressField()
    reason = serializers.ChoiceField(
        SuppressionReason.choices, default=SuppressionReason.MANUAL.value
    )
    note = serializers.CharField(max_length=300, default="", allow_blank=True)
    expires_at = MomentField(default=None, allow_null=True)

    def validate_expires_at(self, value: Any) -> Any:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError(_("This time is past."), code="past")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        reason = SuppressionReason(attrs["reason"])
        if reason.is_wish and attrs["expires_at"] is not None:
            words = _("What the recipient asked for (“%(reason)s”) does not end by itself.")
            raise serializers.ValidationError({"expires_at": words % {"reason": reason.value}})
        return attrs


def entry(values: dict[str, Any]) -> Entry:
    """Validated values of NewSuppression as what the verb takes."""
    return Entry(
        values["address"],
        SuppressionReason(values["reason"]),
        values["note"],
        values["expires_at"],
    )


class ManySuppressions(Strict):
    """Up to 1,000 of them. Each is judged by itself."""

    items = serializers.ListField(child=NewSuppression(), min_length=1, max_length=MOST_ITEMS)


class ItemResult(serializers.Serializer[Any]):
    """What became of one item, by its place in the request."""

    index = serializers.IntegerField()
    status = serializers.ChoiceField(["added", "known", "refused"])
    id = serializers.IntegerField(required=False)
    errors = serializers.ListField(  # type: ignore[assignment]  # the name of a property, too
        child=serializers.DictField(), required=False
    )


class ManyResults(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    known = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = ItemResult(many=True)


class Lifting(Strict):
    """Why an address may be mailed again."""

    why = serializers.CharField(max_length=300)
    consent = serializers.CharField(max_length=300, default="", allow_blank=True)


class ImportResult(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    known = serializers.IntegerField()


class SuppressionFilters(django_filters.FilterSet):
    """Filters of the list and of the export."""

    address = django_filters.CharFilter(
        method="with_address",
        help_text="This address; those that are blocked for everyone are found too.",
    )
    q = django_filters.CharFilter(method="beginning", help_text="Addresses that begin so.")
    reason = django_filters.ChoiceFilter(choices=SuppressionReason.choices)
    scope = django_filters.ChoiceFilter(
        choices=[(scope, scope) for scope in SCOPES], method="in_scope"
    )
    since = django_filters.IsoDateTimeFilter(
        method="from_moment", help_text="Suppressed at this time or later."
    )
    lifted = django_filters.BooleanFilter(method="as_asked", help_text="Those lifted too.")

    class Meta:
        model = Suppression
        fields: ClassVar[list[str]] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = cast("SuppressionQuerySet", super().filter_queryset(queryset))
        return found if self.form.cleaned_data.get("lifted") else found.active()

    def with_address(
        self, found: SuppressionQuerySet, name: str, value: str
    ) -> SuppressionQuerySet:
        """Nothing for what is no address: nobody could have suppressed it."""
        try:
            return found.filter(key=parse(value).key)
        except InvalidAddress:
            return found.none()

    def beginning(self, found: SuppressionQuerySet, name: str, value: str) -> SuppressionQuerySet:
        return found.filter(key__startswith=value.lower())

    def from_moment(
        self, found: SuppressionQuerySet, name: str, value: datetime
    ) -> SuppressionQuerySet:
        """In UTC: PostgreSQL does not take every offset that Python does."""
        try:
            return found.filter(created_at__gte=value.astimezone(UTC))
        except OverflowError:  # the first or last hours that a datetime can hold
            return found if value.year == 1 else found.none()

    def in_scope(self, found: SuppressionQuerySet, name: str, value: str) -> SuppressionQuerySet:
        return found.filter(customer__isnull=value == "everyone")

    def as_asked(self, found: SuppressionQuerySet, name: str, value: bool) -> SuppressionQuerySet:
        """See filter_queryset: without the parameter there is something to do as well."""
        return found
