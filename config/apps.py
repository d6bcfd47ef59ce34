"""The Django application of the house: its commands, and the Celery application that tasks need."""

from django.apps import AppConfig


class HouseConfig(AppConfig):
    name = "config"
    verbose_name = "Hatobin"

    def ready(self) -> None:
        # @shared_task binds to the application that is current when a task is sent.
        from config import celery  # noqa: F401, PLC0415
