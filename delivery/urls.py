"""The addresses of delivery's pages."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from delivery.views import compose, customers, mailings, overview, pools, recipients


class ActionConverter(StringConverter):
    regex = "pause|resume|cancel"


class PoolStateConverter(StringConverter):
    regex = "active|frozen"


class IpStateConverter(StringConverter):
    regex = "active|resting"


register_converter(ActionConverter, "action")
register_converter(PoolStateConverter, "poolstate")
register_converter(IpStateConverter, "ipstate")

_ONE = "mailings/<int:mailing_id>/"

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("mailings/", mailings.mailing_list, name="mailing_list"),
    path("mailings/new/", compose.compose_start, name="compose_start"),
    path("customers/<int:customer_id>/mailings/new/", compose.compose, name="compose"),
    path(_ONE, mailings.mailing, name="mailing"),
    path(_ONE + "progress/", mailings.mailing_progress, name="mailing_progress"),
    path(_ONE + "outcomes/", mailings.mailing_outcomes, name="mailing_outcomes"),
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
    path("pools/", pools.pool_list, name="pool_list"),
    path("pools/<int:pool_id>/", pools.pool, name="pool"),
    path("pools/<int:pool_id>/<poolstate:state>/", pools.pool_state, name="pool_state"),
    path("pools/<int:pool_id>/ips/<int:ip_id>/<ipstate:state>/", pools.ip_state, name="ip_state"),
    path("customers/", customers.customer_list, name="customer_list"),
    path("customers/<int:customer_id>/", customers.customer, name="customer"),
]
