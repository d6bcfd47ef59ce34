"""What replies mean and what follows: the inbox of unclassified ones, own rules, consequences."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from customers.access import operating_only, operators_only, person_of
from customers.models import Person
from delivery import consequences_policy, verdict_heard, verdict_inbox, verdict_rules, verdicts
from delivery.consequence_forms import FiguresForm, RuleForm
from delivery.consequences_policy import Figures
from delivery.consequences_table import TABLE, Consequence
from delivery.models import Attempt, OwnRule, Report
from delivery.verdict_heard import Heard
from delivery.verdict_rules import Trial
from delivery.views.reasons import reason_of
from wire import replies
from wire.verdicts import BLAMED, OWN_REASONS, Party

LOOKED_BACK: Final = timedelta(days=7)
SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One category with its consequences, as the page shows them."""

    category: str
    blamed: str
    consequence: Consequence
    figures: Figures
    is_changed: bool
    form: FiguresForm | None


@require_safe
@operators_only
def reply_inbox(request: HttpRequest) -> HttpResponse:
    book = replies.shipped().with_own(verdicts.own_rules())
    found = verdict_inbox.shapes(book, since=timezone.now() - LOOKED_BACK)
    context = {
        "shapes": found[:SHOWN],
        "left_out": max(0, len(found) - SHOWN),
        "total": sum(one.count for one in found),
        "days": LOOKED_BACK.days,
        "rules": OwnRule.objects.filter(withdrawn_at=None)
        .select_related("created_by")
        .order_by("-id"),
        "shipped": len(replies.shipped().rules),
    }
    return render(request, "delivery/reply_inbox.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@operating_only
def rule_new(request: HttpRequest, attempt_id: int) -> HttpResponse:
    """A rule for the reply of one attempt."""
    found = get_object_or_404(Attempt, pk=attempt_id, code__isnull=False)
    return _rule(request, verdict_heard.of_attempt(found))


@require_http_methods(["GET", "HEAD", "POST"])
@operating_only
def rule_new_of_report(request: HttpRequest, report_id: int) -> HttpResponse:
    """A rule for the reply that a report quotes."""
    found = get_object_or_404(Report.objects.defer("raw").exclude(diagnostic=""), pk=report_id)
    return _rule(request, verdict_heard.of_report(found))


def _rule(request: HttpRequest, heard: Heard) -> HttpResponse:
    """Tried first, saved by a second press."""
    if request.method != "POST":
        form = RuleForm(initial={"words": verdict_inbox.suggestion(replies.shape(heard.text))})
        return _rule_page(request, heard, form)
    form = RuleForm(request.POST)
    if not form.is_valid():
        return _rule_page(request, heard, form, status=400)
    trial = _tried_or_saved(request, heard, form)
    if trial is None and not form.errors:
        return redirect("reply_inbox")
    return _rule_page(request, heard, form, trial=trial, status=400 if form.errors else 200)


def _tried_or_saved(request: HttpRequest, heard: Heard, form: RuleForm) -> Trial | None:
    """None when it was saved. Conflicts are shown as by a trial."""
    table = form.table(verdict_heard.sample_of(heard))
    now = timezone.now()
    if "save" not in request.POST:
        return verdict_rules.trial(table, now=now)
    values = form.cleaned_data
    try:
        verdict_rules.adopt(
            table,
            name=values["name"],
            why=values["why"],
            by=person_of(request),
            now=now,
            despite_conflicts=values["despite_conflicts"],
        )
    except verdict_rules.NameTaken:
        form.add_error("name", _("Another rule has this name."))
        return None
    except verdict_rules.Conflicts:
        form.add_error("despite_conflicts", _("It takes replies from other rules: see below."))
        return verdict_rules.trial(table, now=now)
    messages.success(request, _("The rule holds: workers judge by it within a second."))
    return None


def _rule_page(
    request: HttpRequest,
    heard: Heard,
    form: RuleForm,
    *,
    trial: Trial | None = None,
    status: int = 200,
) -> HttpResponse:
    changes = [(*pair, n) for pair, n in trial.changes.items()] if trial else []
    context = {"heard": heard, "form": form, "trial": trial, "changes": changes}
    return render(request, "delivery/rule_new.html", context, status=status)


@require_POST
@operating_only
def rule_withdraw(request: HttpRequest, rule_id: int) -> HttpResponse:
    found = get_object_or_404(OwnRule, pk=rule_id)
    if why := reason_of(request):
        verdict_rules.withdraw(rule=found, why=why, by=person_of(request), now=timezone.now())
    return redirect("reply_inbox")


@require_safe
@operators_only
def consequence_list(request: HttpRequest) -> HttpResponse:
    return _consequence_page(request)


@require_POST
@operating_only
def consequence_change(request: HttpRequest, category: str) -> HttpResponse:
    if category not in consequences_policy.changeable():
        raise Http404
    form = FiguresForm(request.POST, prefix=category)
    if not form.is_valid():
        return _consequence_page(request, wrong={category: form}, status=400)
    consequences_policy.change(
        category=category,
        to=form.figures(),
        why=form.cleaned_data["why"],
        by=person_of(request),
        now=timezone.now(),
    )
    messages.success(request, _("Changed: it holds for replies from now on."))
    return redirect("consequence_list")


def _consequence_page(
    request: HttpRequest, *, wrong: dict[str, FiguresForm] | None = None, status: int = 200
) -> HttpResponse:
    person = person_of(request)
    table = consequences_policy.current()
    rows = [_row(name, table[name], person, (wrong or {}).get(name)) for name in TABLE]
    return render(request, "delivery/consequence_list.html", {"rows": rows}, status=status)


def _row(name: str, row: Consequence, person: Person, wrong: FiguresForm | None) -> Row:
    figures = consequences_policy.figures(row)
    may_change = person.can_operate and name in consequences_policy.changeable()
    form = wrong or FiguresForm(initial=asdict(figures), prefix=name) if may_change else None
    blamed = BLAMED.get(name) or OWN_REASONS.get(name, Party.sender)
    return Row(name, str(blamed), row, figures, row != TABLE[name], form)
