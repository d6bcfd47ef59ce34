"""The API's description (OpenAPI 3.1), made from the endpoints themselves."""

from functools import lru_cache
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.http import conditional_page, require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import OpenApiParameter

from customers.api.authentication import KeyAuthentication
from customers.api.fields import Strict
from customers.api.problem_kinds import KINDS
from customers.api.problems import TYPE

_TEXT = {"type": "string"}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` does not change; the other texts are for people.",
    "required": ["type", "title", "status", "detail", "code", "next_step"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": {"type": "string", "enum": sorted(KINDS)},
        "next_step": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "detail"],
                "properties": {
                    "code": _TEXT, "detail": _TEXT, "pointer": _TEXT, "parameter": _TEXT,
                    "row": {"type": "integer"}, "column": _TEXT,
                },
            },
        },
    },
}  # fmt: skip
REPEATABLE = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="A word of your own for this change. Sent again within 24 hours, it is made once.",
)


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema says it."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "hb_live_…"}


class Operation(AutoSchema):
    """What every operation has besides its own: the scope, problems, repetition."""

    def get_description(self) -> str:  # type: ignore[override]  # of the library's own schema
        needed = getattr(self.view, "scopes", {}).get(self.method)
        words = super().get_description() or ""
        return f"{words}\n\nScope: `{needed}`." if needed else words

    def get_override_parameters(self) -> list[Any]:
        given = list(super().get_override_parameters())
        return [*given, REPEATABLE] if self.method == "POST" else given

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        made = super()._map_basic_serializer(  # type: ignore[no-untyped-call]
            serializer, direction
        )
        return {**made, "additionalProperties": False} if isinstance(serializer, Strict) else made

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        content = {TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        return {**bodies, "default": {"description": "A problem.", "content": content}}


@lru_cache(maxsize=1)
def document() -> bytes:
    """JSON, in English: it describes, and does not speak to anyone."""
    with translation.override("en"):
        generator = SchemaGenerator(urlconf="customers.api.urls")  # type: ignore[no-untyped-call]
        made = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    made["components"]["schemas"]["Problem"] = PROBLEM
    rendered: bytes = OpenApiJsonRenderer().render(made, renderer_context={})
    return rendered


@require_safe
@conditional_page
def schema(request: HttpRequest) -> HttpResponse:
    """Open to all: it holds nothing that is not in the documents."""
    return HttpResponse(document(), content_type="application/vnd.oai.openapi+json")
