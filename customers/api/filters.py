"""Filters of lists. A parameter that nobody knows is refused: a typing error must not show all."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend

from customers.api.problems import Problem

PAGING = frozenset({"cursor", "limit"})


class StrictFilters(DjangoFilterBackend):
    """Those of `view.filterset_class`; `view.more_parameters` are read by the view itself."""

    def filter_queryset(
        self, request: HttpRequest, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        filterset = self.get_filterset_class(view, queryset)
        known = PAGING | set(filterset.base_filters if filterset else ()) | view.more_parameters
        unknown = [name for name in request.GET if name not in known]
        if unknown:
            words = _("There is no such parameter; known are %(known)s.")
            detail = words % {"known": ", ".join(sorted(known))}
            raise Problem("invalid", errors=[
                {"parameter": name[:80], "code": "unknown", "detail": detail} for name in unknown
            ])  # fmt: skip
        found: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return found
