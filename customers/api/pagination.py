"""Lists in pages: the newest first, by a cursor, so that no row is shown twice or left out."""

from typing import Any, Final

from django.utils.translation import gettext as _
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from customers.api.problems import Problem, parameter_error

MOST: Final = 1000


class NewestFirst(CursorPagination):
    """`limit` rows by the descending id. The links in the answer lead on and back."""

    page_size = 100
    max_page_size = MOST
    page_size_query_param = "limit"
    page_size_query_description = f"Rows of a page, 1 to {MOST:,}."
    ordering = "-id"

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Raises Problem for a cursor that we did not give out."""
        try:
            cursor = super().decode_cursor(request)
        except Exception as error:
            raise Problem("invalid-cursor") from error
        position = str(cursor.position or 0) if cursor else "0"
        if not (position.isascii() and position.isdecimal() and len(position) < 19):
            raise Problem("invalid-cursor")
        return cursor

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get("limit")
        if text is None:
            return self.page_size
        if not (text.isascii() and text.isdecimal() and len(text) < 5 and 0 < int(text) <= MOST):
            raise parameter_error("limit", _("A whole number from 1 to 1,000."))
        return int(text)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        found = super().get_schema_operation_parameters(view)
        for parameter in found:
            if parameter["name"] == "limit":
                parameter["schema"] |= {"minimum": 1, "maximum": MOST}
        return found

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }
