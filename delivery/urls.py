"""The addresses of delivery's pages."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from compliance.models import Measure
from delivery.views import (
    compose,
    customers,
    destinations,
    mailings,
    overview,
    pools,
    recipients,
    replies,
    reports,
    thresholds,
)


class ActionConverter(StringConverter):
    regex = "pause|resume|cancel"


class PoolStateConverter(StringConverter):
    regex = "active|frozen"


class IpStateConverter(StringConverter):
    regex = "active|resting"


class DecisionConverter(StringConverter):
    regex = "apply|dismiss|reverse"


class MeasureConverter(StringConverter):
    """A compliance.models.Measure."""

    regex = "|".join(Measure.values)

    def to_python(self, value: str) -> Measure:
        return Measure(value)


register_converter(ActionConverter, "action")
register_converter(PoolStateConverter, "poolstate")
register_converter(IpStateConverter, "ipstate")
register_converter(DecisionConverter, "decision")
register_converter(MeasureConverter, "measure")

_ONE = "mailings/<int:mailing_id>/"

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("mailings/", mailings.mailing_list, name="mailing_list"),
    path("mailings/new/", compose.compose_start, name="compose_start"),
    path("customers/<int:customer_id>/mailings/new/", compose.compose, name="compose"),
    path(_ONE, mailings.mailing, name="mailing"),
    path(_ONE + "progress/", mailings.mailing_progress, name="mailing_progress"),
    path(_ONE + "html/", mailings.mailing_html, name="mailing_html"),
    path(
        _ONE + "attachments/<int:attachment_id>/",
        mailings.mailing_attachment,
        name="mailing_attachment",
    ),
    path(_ONE + "<action:action>/", mailings.mailing_action, name="mailing_action"),
    path(_ONE + "recipients/", recipients.mailing_recipients, name="mailing_recipients"),
    path(
        _ONE + "recipients.csv",
        recipients.mailing_recipients_csv,
        name="mailing_recipients_csv",
    ),
    path("recipients/", recipients.search, name="search"),
    path("deliveries/<int:delivery_id>/", recipients.delivery, name="delivery"),
    path("reports/", reports.report_list, name="report_list"),
    path("reports/<int:report_id>/", reports.report, name="report"),
    path("reports/<int:report_id>/raw/", reports.report_raw, name="report_raw"),
    path("reports/again/", reports.reports_reread, name="reports_reread"),
    path("reports/<int:report_id>/again/", reports.report_reread, name="report_reread"),
    path("reports/<int:report_id>/opt-out/", reports.report_honour, name="report_honour"),
    path("pools/", pools.pool_list, name="pool_list"),
    path("pools/<int:pool_id>/", pools.pool, name="pool"),
    path("pools/<int:pool_id>/<poolstate:state>/", pools.pool_state, name="pool_state"),
    path("pools/<int:pool_id>/ips/<int:ip_id>/<ipstate:state>/", pools.ip_state, name="ip_state"),
    path("destinations/", destinations.destination_list, name="destination_list"),
    path("destinations/<int:destination_id>/", destinations.destination, name="destination"),
    path(
        "destinations/<int:destination_id>/limits/",
        destinations.destination_limits,
        name="destination_limits",
    ),
    path(
        "destinations/slow-downs/<int:slow_down_id>/lift/",
        destinations.slow_down_lift,
        name="slow_down_lift",
    ),
    path("destinations/warm-ups/", destinations.warm_up_begin, name="warm_up_begin"),
    path("destinations/warm-ups/<int:ip_id>/end/", destinations.warm_up_end, name="warm_up_end"),
    path("customers/", customers.customer_list, name="customer_list"),
    path("customers/<int:customer_id>/", customers.customer, name="customer"),
    path("customers/<int:customer_id>/share/", customers.customer_share, name="customer_share"),
    path("replies/", replies.reply_inbox, name="reply_inbox"),
    path("replies/rules/of/<int:attempt_id>/", replies.rule_new, name="rule_new"),
    path(
        "replies/rules/of-report/<int:report_id>/",
        replies.rule_new_of_report,
        name="rule_new_of_report",
    ),
    path("replies/rules/<int:rule_id>/withdraw/", replies.rule_withdraw, name="rule_withdraw"),
    path("replies/consequences/", replies.consequence_list, name="consequence_list"),
    path(
        "replies/consequences/<slug:category>/",
        replies.consequence_change,
        name="consequence_change",
    ),
    path("thresholds/", thresholds.threshold_list, name="threshold_list"),
    path("thresholds/<measure:measure>/", thresholds.threshold_change, name="threshold_change"),
    path(
        "thresholds/findings/<int:finding_id>/<decision:decision>/",
        thresholds.finding_decide,
        name="finding_decide",
    ),
]
