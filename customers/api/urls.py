"""The addresses of the API. All end with a slash."""

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from customers.api import suppressions
from customers.api.problems import Problem
from customers.api.schema import schema

app_name = "api"
_SUPPRESSIONS = "api/v1/suppressions/"


@csrf_exempt
def nothing(request: HttpRequest) -> HttpResponse:
    """Programs get a problem, not the page for people."""
    words = _("There is no endpoint at %(path)s. The addresses of the API end with a slash.")
    return Problem("not-found", words % {"path": request.path[:200]}).response()


urlpatterns = [
    path("api/v1/schema/", schema, name="schema"),
    path(_SUPPRESSIONS, suppressions.SuppressionList.as_view(), name="suppressions"),
    path(_SUPPRESSIONS + "bulk/", suppressions.SuppressionBulk.as_view(), name="suppression_bulk"),
    path(
        _SUPPRESSIONS + "export/",
        suppressions.SuppressionExport.as_view(),
        name="suppression_export",
    ),
    path(
        _SUPPRESSIONS + "import/",
        suppressions.SuppressionImport.as_view(),
        name="suppression_import",
    ),
    path(
        _SUPPRESSIONS + "<int:suppression_id>/",
        suppressions.SuppressionOne.as_view(),
        name="suppression",
    ),
    path(
        _SUPPRESSIONS + "<int:suppression_id>/lift/",
        suppressions.SuppressionLift.as_view(),
        name="suppression_lift",
    ),
    re_path(r"^api/", nothing),
]
