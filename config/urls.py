"""The addresses of the whole site."""

from django.urls import include, path

from config.health import health
from config.pages import preferences

urlpatterns = [
    path("healthz", health, name="health"),
    path("accounts/", include("allauth.urls")),
    path("preferences/", preferences, name="preferences"),
    path("", include("customers.api.urls")),
    path("", include("customers.urls")),
    path("", include("delivery.urls")),
    path("", include("blacklist.urls")),
]
