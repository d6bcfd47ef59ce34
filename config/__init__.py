"""The house: settings, the embedded servers, the runner, and the Celery application."""
