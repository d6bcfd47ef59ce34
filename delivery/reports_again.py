"""Reading failed reports again, once what broke has been mended: nothing they say is lost."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from customers import audit
from delivery.models import Report, ReportState


@transaction.atomic
def read_again(*, by: audit.Actor, now: datetime, only: Collection[int] | None = None) -> list[int]:
    """Let failed reports be read anew by the workers, all or `only` those; the ids of these.

    What is not failed, or not there, is passed over.
    """
    failed = Report.objects.filter(state=ReportState.FAILED)
    if only is not None:
        failed = failed.filter(id__in=only)
    ids = list(failed.select_for_update().order_by("id").values_list("id", flat=True))
    Report.objects.filter(id__in=ids).update(
        state=ReportState.NEW, reason="", due_at=now, read_at=None
    )
    for report_id in ids:
        audit.record(verb="report.again", subject=f"report:{report_id}", by=by, now=now)
    return ids
