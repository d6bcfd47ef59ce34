"""The addresses of the pages about lists and imports, and of the public unsubscribe page."""

from django.urls import path

from customers.views import imports, lists, unsubscribes

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
]
