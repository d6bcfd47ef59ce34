"""The uploaded file on its way to an import: what is taken, and where it lies until the end."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.utils.translation import gettext as _

from customers.models import ImportBatch

_ZIP = b"PK\x03\x04"  # a workbook of Excel is a ZIP file


class FileRefused(ValueError):
    """A file that is not even tried; the sentence is for the page, in the language of now."""


class Upload(Protocol):
    """What we use of Django's UploadedFile and File."""

    @property
    def name(self) -> str | None: ...

    @property
    def size(self) -> int | None: ...

    def chunks(self) -> Iterable[bytes]: ...


def file_of(batch: ImportBatch) -> Path:
    """Where the uploaded file lies until the batch has ended."""
    return Path(settings.MEDIA_ROOT) / "imports" / f"{batch.pk}.csv"


def check_size(name: str, size: int) -> None:
    """Raises FileRefused. `size` in octets."""
    if size == 0:
        words = _("%(name)s is empty: choose a CSV file with a header row.")
        raise FileRefused(words % {"name": name})
    if size > settings.IMPORT_LIMIT_MB * 1024**2:
        words = _(
            "%(name)s has %(size)s MB and %(limit)s MB are the most: divide it into several files, "
            "each with the header row."
        )
        size_shown = f"{size / 1024**2:,.1f}"
        raise FileRefused(
            words % {"name": name, "size": size_shown, "limit": settings.IMPORT_LIMIT_MB}
        )


def keep(file: Upload, path: Path) -> None:
    """On disk before the batch is committed, readable by nobody else: these are addresses.

    Raises FileRefused for a workbook.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as copy:
        for number, chunk in enumerate(file.chunks()):
            if number == 0 and chunk.startswith(_ZIP):
                words = _("%(name)s is an Excel workbook: save it there as CSV UTF-8, import that.")
                raise FileRefused(words % {"name": file.name})
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
