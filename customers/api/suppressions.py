"""Suppressed addresses: list, look up, add one or many, lift, export and import.

A key of a customer sees and changes that customer's. A key of operators says whose with the
parameter `customer`: an id, or `everyone`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.db.models import Q
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from customers import suppression_batches, suppression_files, suppressions
from customers.api import problems
from customers.api.authentication import key_of
from customers.api.contents import CsvParser, Spooled, as_object
from customers.api.problems import Problem, parameter_error
from customers.api.resources import Resource, repeatable
from customers.api.suppression_shapes import (
    MOST_ITEMS,
    ImportResult,
    Lifting,
    ManyResults,
    ManySuppressions,
    NewSuppression,
    SuppressionFilters,
    SuppressionShape,
    entry,
)
from customers.csv_reading import BrokenFile
from customers.models import ApiKey, Customer, Scope, Suppression
from customers.models.suppression import SuppressionQuerySet
from customers.suppression_batches import Entry

READ: Final = {"GET": Scope.SUPPRESSIONS_READ}
WRITE: Final = {"POST": Scope.SUPPRESSIONS_WRITE}
WHOSE = OpenApiParameter(
    "customer",
    {"type": "string", "pattern": "^(everyone|[0-9]+)$"},
    description="Operators' keys only: the id of a customer, or “everyone”. Changes need it.",
)
NAME = OpenApiParameter("name", str, description="Name of the file, kept as evidence.")
EVERYONE: Final = "everyone"


class Suppressions(Resource):
    """What the endpoints of suppressions share."""

    serializer_class = SuppressionShape
    filterset_class = SuppressionFilters
    more_parameters: ClassVar = frozenset({"customer"})
    queryset = Suppression.objects.all()

    def get_queryset(self) -> SuppressionQuerySet:
        """The rows that this key may see.

        What is blocked for everyone is found by its whole address only: a list of them would tell
        a customer of the recipients of others.
        """
        customer_id = _customer_given(self.request)
        whose = Q() if customer_id == "" else Q(customer=customer_id)
        asked_for = self.request.query_params.get("address", "").strip()
        if asked_for and not key_of(self.request).can_operate:
            whose |= Q(customer=None)
        return Suppression.objects.filter(whose)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "key": getattr(self.request, "auth", None)}

    def shown(self, row: Suppression) -> Any:
        return self.get_serializer(row).data


class SuppressionList(ListModelMixin, Suppressions):
    scopes: ClassVar = {**READ, **WRITE}

    @extend_schema(parameters=[WHOSE])
    def get(self, request: Request) -> Response:
        """The suppressions that hold, the newest first."""
        return self.list(request)

    @extend_schema(
        parameters=[WHOSE],
        request=NewSuppression,
        responses={201: SuppressionShape, 200: OpenApiResponse(SuppressionShape, "It held before")},
    )
    @repeatable
    def post(self, request: Request) -> Response:
        """Suppress one address."""
        customer_id, given = _target(request), NewSuppression(data=as_object(request.data))
        given.is_valid(raise_exception=True)
        (taken,) = _add(request, customer_id, [entry(given.validated_data)])
        place = request.build_absolute_uri(reverse("api:suppression", args=[taken.suppression.pk]))
        return Response(
            self.shown(taken.suppression),
            status=201 if taken.is_new else 200,
            headers={"Location": place},
        )


class SuppressionBulk(Suppressions):
    scopes: ClassVar = WRITE

    @extend_schema(parameters=[WHOSE], request=ManySuppressions, responses=ManyResults)
    @repeatable
    def post(self, request: Request) -> Response:
        """Suppress up to 1,000 addresses.

        Those that cannot be used are named, each with its errors; all others are taken.
        """
        customer_id, items = _target(request), _items(request.data)
        entries, results = _judged(items)
        taken = iter(_add(request, customer_id, entries) if entries else ())
        for result in results:
            if "status" not in result:
                found = next(taken)
                result["status"] = "added" if found.is_new else "known"
                result["id"] = found.suppression.pk
        statuses = [result["status"] for result in results]
        counts = {name: statuses.count(name) for name in ("added", "known", "refused")}
        return Response({**counts, "results": results})


class SuppressionOne(Suppressions):
    scopes: ClassVar = READ

    @extend_schema(responses=SuppressionShape)
    def get(self, request: Request, suppression_id: int) -> Response:
        """One suppression, also when it was lifted."""
        return Response(self.shown(_own(request, suppression_id)))


class SuppressionLift(Suppressions):
    scopes: ClassVar = WRITE

    @extend_schema(request=Lifting, responses=SuppressionShape)
    @repeatable
    def post(self, request: Request, suppression_id: int) -> Response:
        """Let an address be mailed again, for this reason; others that it has still hold.

        What the recipient asked for (unsubscribed, complaint) needs the recipient's consent.
        """
        row, given = _own(request, suppression_id), Lifting(data=as_object(request.data))
        given.is_valid(raise_exception=True)
        try:
            suppressions.lift(
                suppression=row, by=key_of(request), now=timezone.now(), **given.validated_data
            )
        except suppressions.LiftRefused as refused:
            raise Problem(refused.code, str(refused)) from None
        row.refresh_from_db()
        return Response(self.shown(row))


class CsvRenderer(BaseRenderer):
    """Lets clients accept text/csv; the file itself is streamed."""

    media_type = "text/csv"
    format = "csv"


class SuppressionExport(Suppressions):
    scopes: ClassVar = READ
    renderer_classes = [CsvRenderer, JSONRenderer]

    @extend_schema(
        parameters=[WHOSE], filters=True, responses={(200, "text/csv"): OpenApiTypes.STR}
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All rows that the filters choose, as CSV that the import takes again."""
        rows = self.filter_queryset(self.get_queryset()).order_by("key", "id")
        lines = suppression_files.give_out(rows, to_operator=key_of(request).can_operate)
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")


class SuppressionImport(Suppressions):
    scopes: ClassVar = WRITE
    parser_classes = [CsvParser]

    @extend_schema(
        parameters=[WHOSE, NAME],
        request={"text/csv": OpenApiTypes.STR},
        responses=ImportResult,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        """Suppress every address of a CSV file, or none of them when a row cannot be used."""
        content: Any = request.data  # what CsvParser made of it
        if not isinstance(content, Spooled):
            raise Problem("broken-file", _("There is no content."))
        done = _take_in(request, content, _target(request))
        return Response({"added": done.added, "known": done.known})


def _customer_given(request: Request) -> int | str | None:
    """Whose rows: an id, None for everyone's, "" when nothing is said. Raises Problem."""
    key: ApiKey = key_of(request)
    given = request.query_params.get("customer", "")
    if key.customer_id is not None:
        if given not in {"", str(key.customer_id)}:
            raise Problem("not-found")
        return key.customer_id
    if given in {"", EVERYONE}:
        return None if given else ""
    is_number = given.isascii() and given.isdecimal() and len(given) < 19
    if not is_number or not Customer.objects.filter(pk=int(given)).exists():
        raise Problem("not-found", _("There is no such customer."))
    return int(given)


def _target(request: Request) -> int | None:
    """The same for changes: operators have to say whose."""
    found = _customer_given(request)
    if isinstance(found, str):
        raise parameter_error("customer", _("Say whose: the id of a customer, or “everyone”."))
    return found


def _own(request: Request, suppression_id: int) -> Suppression:
    """What is blocked for everyone is the operators'. Raises Http404."""
    key = key_of(request)
    whose = Q() if key.can_operate else Q(customer=key.customer_id)
    return get_object_or_404(Suppression.objects.filter(whose), pk=suppression_id)


def _add(
    request: Request, customer_id: int | None, entries: Sequence[Entry]
) -> list[suppression_batches.Taken]:
    return suppression_batches.add_all(
        customer_id=customer_id, entries=entries, by=key_of(request), now=timezone.now()
    )


def _items(data: Any) -> list[Any]:
    items = as_object(data).get("items")
    if not isinstance(items, list) or not 0 < len(items) <= MOST_ITEMS:
        words = _("Send a list of 1 to %(limit)s items.") % {"limit": f"{MOST_ITEMS:,}"}
        raise Problem("invalid", errors=[{"pointer": "/items", "code": "invalid", "detail": words}])
    return items


def _judged(items: Sequence[Any]) -> tuple[list[Entry], list[dict[str, Any]]]:
    """What can be used, and one result for each item; those that can have no status yet."""
    shape, entries, results = NewSuppression(), [], []
    for index, item in enumerate(items):
        result: dict[str, Any] = {"index": index}
        try:
            entries.append(entry(shape.run_validation(item)))
        except serializers.ValidationError as error:
            found = problems.flat(error.get_full_details(), place="pointer", path=f"/items/{index}")
            result |= {"status": "refused", "errors": list(found)}
        results.append(result)
    return entries, results


def _take_in(
    request: Request, content: Spooled, customer_id: int | None
) -> suppression_files.Imported:
    name = request.query_params.get("name", "").replace("\x00", "")[:100] or "API"
    try:
        return suppression_files.take_in(
            content.path,
            customer_id=customer_id,
            name=name,
            by=key_of(request),
            now=timezone.now(),
        )
    except BrokenFile as error:
        raise Problem("broken-file", str(error)) from None
    except suppression_files.ImportRefused as refused:
        errors: list[problems.Error] = [
            {"row": wrong.row, "column": wrong.column, "code": "invalid", "detail": wrong.sentence}
            for wrong in refused.problems
        ]
        raise Problem("rows-refused", errors=errors) from None
