"""What is logged, and how loud: everything to the standard output, one line each."""

import sys
from logging import LogRecord
from typing import Any


def is_news(record: LogRecord) -> bool:
    """Not Django's "Bad Request: /path": a form that was refused has told its problems itself."""
    args = record.args if isinstance(record.args, tuple) else ()
    return not (record.msg == "%s: %s" and args[:1] == ("Bad Request",))


def to_stdout(level: str) -> dict[str, Any]:
    """Django's LOGGING: our own and Django's words at `level`, chatty libraries at theirs."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"news": {"()": lambda: is_news}},
        "formatters": {"short": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {
            "stdout": {"class": "logging.StreamHandler", "stream": sys.stdout, "formatter": "short"}
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.request": {"filters": ["news"]},
            # One line for each task received and done would bury everything else.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "kombu.transport.virtual.base": {"level": "ERROR"},  # at each stop: tasks are put back
            "mail.log": {"level": "WARNING"},  # aiosmtpd: every command of every session
        },
    }
