"""The senders' own set-up: what DNS says, what it should say, and the record to publish."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from blacklist import health, health_figures
from blacklist.models import SetupRun
from blacklist.tasks import check_setup
from customers.access import operating_only, operators_only, person_of
from delivery.models import SendingDomain


@require_safe
@operators_only
def setup_list(request: HttpRequest) -> HttpResponse:
    checks = list(health_figures.stored())
    context = {
        "summary": health_figures.summary(checks),
        "domains": health_figures.by_domain(checks),
        "has_domains": SendingDomain.objects.exists(),
        "run": _newest(),
    }
    return render(request, "blacklist/setup_list.html", context)


@require_safe
@operators_only
def setup_progress(request: HttpRequest) -> HttpResponse:
    """The moving part; the whole page is asked for anew at the end."""
    run = _newest()
    response = render(request, "blacklist/setup_list.html#progress", {"run": run})
    if run is None or not run.is_open:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@operating_only
def setup_check(request: HttpRequest) -> HttpResponse:
    """Look at everything now; a look under way is not begun twice."""
    run = health.begin(by=person_of(request), now=timezone.now())
    if run.started_at is None:
        check_setup.delay_on_commit(run_id=run.pk)  # type: ignore[attr-defined]
    else:
        messages.info(request, _("A check is under way already."))
    return redirect("setup_list")


def _newest() -> SetupRun | None:
    return SetupRun.objects.order_by("-asked_at", "-id").first()
