"""The addresses of the blocklist watch's pages."""

from django.urls import path

from blacklist.views import setup

urlpatterns = [
    path("setup/", setup.setup_list, name="setup_list"),
    path("setup/progress/", setup.setup_progress, name="setup_progress"),
    path("setup/check/", setup.setup_check, name="setup_check"),
]
