"""Fields and serializers that all endpoints use."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from wire.addresses import InvalidAddress, parse


class Strict(serializers.Serializer[Any]):
    """Input whose names are all known: a misspelt one must not be passed over in silence."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []
        if unknown:
            words = _("There is no such field; known are %(known)s.")
            detail = words % {"known": ", ".join(self.fields)}
            raise serializers.ValidationError(
                {str(name)[:80]: [detail] for name in unknown[:20]}, code="unknown"
            )
        return super().to_internal_value(data)


class MomentField(serializers.DateTimeField):
    """A time with its offset (RFC 3339), given out in UTC."""

    default_error_messages = {
        "no_offset": gettext_lazy("Add the offset from UTC, for example 2027-03-31T18:00:00+09:00.")
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("no_offset")
        try:
            return value.astimezone(UTC)
        except OverflowError:  # the first or last hours that a datetime can hold
            self.fail("overflow")


@extend_schema_field(OpenApiTypes.EMAIL)
class AddressField(serializers.CharField):
    """An e-mail address; its value is the canonical key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=320, **options)

    def to_internal_value(self, data: Any) -> str:
        try:
            return parse(super().to_internal_value(data)).key
        except InvalidAddress as error:
            raise serializers.ValidationError(str(error), code="invalid-address") from None
