"""What a request brings: JSON in memory, CSV in a file of its own; both up to a limit."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from customers.api.problems import Problem

_BLOCK: Final = 64 * 1024
_MEGABYTE: Final = 1024 * 1024


class JsonParser(BaseParser):
    """JSON in UTF-8 (RFC 8259); the reader of Python takes NaN, this one does not."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, context: Any = None) -> Any:
        request: Request = context["request"]
        refuse_too_large(request, settings.API_BODY_LIMIT_MB)
        octets = stream.read()
        try:
            return json.loads(octets.decode(), parse_constant=_no_number)
        except UnicodeDecodeError:
            raise Problem("malformed", _("The content is not UTF-8.")) from None
        except RecursionError:
            raise Problem("malformed", _("The content is nested too deeply.")) from None
        except ValueError as error:
            raise Problem("malformed", _("No JSON: %(why)s") % {"why": error}) from None


@dataclass(frozen=True, slots=True)
class Spooled:
    """Content that lies in a file until the request is answered. `digest`: SHA-256, in hex."""

    path: Path
    digest: str

    def __str__(self) -> str:
        return self.digest


class CsvParser(BaseParser):
    """CSV of any size up to IMPORT_LIMIT_MB: it never lies in memory as a whole."""

    media_type = "text/csv"

    def parse(self, stream: IO[bytes], media_type: str | None = None, context: Any = None) -> Any:
        refuse_too_large(context["request"], settings.IMPORT_LIMIT_MB)
        digest = hashlib.sha256()
        made = tempfile.NamedTemporaryFile(suffix=".csv")  # noqa: SIM115  the view closes it
        file = context["view"].opened.enter_context(made)
        for block in iter(lambda: stream.read(_BLOCK), b""):
            digest.update(block)
            file.write(block)
        file.flush()
        return Spooled(Path(file.name), digest.hexdigest())


def refuse_too_large(request: Request, limit_mb: int) -> None:
    """Raises Problem before anything is read; Django reads no more than Content-Length says."""
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        raise Problem("length-required")
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit_mb * _MEGABYTE:
        raise Problem("too-large", _("At most %(limit)s MB are taken.") % {"limit": limit_mb})


def as_object(data: Any) -> Mapping[str, Any]:
    """The JSON object that was sent. Raises Problem for another kind of value."""
    if not isinstance(data, Mapping):
        raise Problem("malformed", _("Send a JSON object: {…}."))
    return data


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
