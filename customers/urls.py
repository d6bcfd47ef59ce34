"""The addresses of the pages about lists, imports and suppressions, and of the unsubscribe page."""

from django.urls import path

from customers.views import imports, keys, lists, suppressions, unsubscribes

_OWN = "customers/<int:customer_id>/suppressions/"

urlpatterns = [
    path("u/<str:token>", unsubscribes.unsubscribe, name="unsubscribe"),
    path("customers/<int:customer_id>/lists/new/", lists.list_new, name="list_new"),
    path("customers/<int:customer_id>/lists/<int:list_id>/", lists.contact_list, name="list"),
    path(
        "customers/<int:customer_id>/lists/<int:list_id>/imports/",
        imports.import_new,
        name="import_new",
    ),
    path("imports/<int:batch_id>/", imports.import_batch, name="import"),
    path("imports/<int:batch_id>/progress/", imports.import_progress, name="import_progress"),
    path("imports/<int:batch_id>/rejected.csv", imports.import_rejections, name="import_rejected"),
    path(_OWN, suppressions.suppression_list, name="suppression_list"),
    path(_OWN + "add/", suppressions.suppression_add, name="suppression_add"),
    path(_OWN + "import/", suppressions.suppression_import, name="suppression_import"),
    path(_OWN + "export.csv", suppressions.suppression_export, name="suppression_export"),
    path("customers/<int:customer_id>/keys/", keys.key_list, name="key_list"),
    path("customers/<int:customer_id>/keys/new/", keys.key_make, name="key_make"),
    path("keys/", keys.key_list, name="key_list_operators"),
    path("keys/new/", keys.key_make, name="key_make_operators"),
    path("keys/<int:key_id>/revoke/", keys.key_revoke, name="key_revoke"),
    path("suppressions/", suppressions.suppression_list, name="suppression_list_everyone"),
    path("suppressions/add/", suppressions.suppression_add, name="suppression_add_everyone"),
    path(
        "suppressions/import/",
        suppressions.suppression_import,
        name="suppression_import_everyone",
    ),
    path(
        "suppressions/export.csv",
        suppressions.suppression_export,
        name="suppression_export_everyone",
    ),
    path(
        "suppressions/<int:suppression_id>/lift/",
        suppressions.suppression_lift,
        name="suppression_lift",
    ),
]
