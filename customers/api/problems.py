"""Answers that say what is wrong: problem details (RFC 9457), with a code and what to do.

Besides the members of the RFC there are `code`, `next_step` and `errors`. Each error names its
place by `pointer` (RFC 6901, into the JSON that was sent), `parameter` (of the address) or `row`
and `column` (of a file).
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.signals import got_request_exception
from django.http import Http404, HttpResponse
from rest_framework import exceptions

from customers.api.problem_kinds import KINDS

TYPE: Final = "application/problem+json"
MOST_ERRORS: Final = 100
Error = dict[str, str | int]

_log = logging.getLogger(__name__)


class Problem(exceptions.APIException):
    """Raised anywhere in a request; the answer is made of its kind.

    `detail` says what is wrong this time; without it the kind's title does.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: Sequence[Error] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = KINDS[code]
        self.status_code = self.kind.status
        self.errors = list(errors)
        self.headers = dict(headers or {})
        super().__init__(detail or str(self.kind.title), code)

    def response(self) -> HttpResponse:
        """The document, in the language of now."""
        content: dict[str, Any] = {
            "type": f"urn:hatobin:problem:{self.kind.code}",
            "title": str(self.kind.title),
            "status": self.kind.status,
            "detail": str(self.detail),
            "code": self.kind.code,
            "next_step": str(self.kind.next_step),
        }
        if self.errors:
            content["errors"] = self.errors[:MOST_ERRORS]
        return HttpResponse(
            json.dumps(content, ensure_ascii=False),
            status=self.kind.status,
            content_type=TYPE,
            headers=self.headers,
        )


def answer(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """The framework's exception handler: every error becomes a problem."""
    request = context["request"]
    problem = error if isinstance(error, Problem) else _known(error, request)
    if problem is None:
        _log.error("%s %s broke", request.method, request.path, exc_info=error)
        got_request_exception.send(sender=None, request=request._request)  # noqa: SLF001
        problem = Problem("internal")
    return problem.response()


def _known(error: Exception, request: Any) -> Problem | None:
    """What the framework and Django raise, as a problem; None for what nobody expected."""
    if isinstance(error, exceptions.ValidationError):
        place = "parameter" if request.method in {"GET", "HEAD", "OPTIONS"} else "pointer"
        return Problem("invalid", errors=list(flat(error.get_full_details(), place=place)))
    if isinstance(error, exceptions.Throttled):
        wait = max(1, int(getattr(error, "wait", None) or 1))
        return Problem("rate-limited", headers={"Retry-After": str(wait)})
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), None)
    return Problem(code) if code else None


_CODES: Final[dict[type[Exception], str]] = {
    Http404: "not-found",
    exceptions.NotFound: "not-found",
    PermissionDenied: "scope-missing",
    exceptions.PermissionDenied: "scope-missing",
    exceptions.NotAuthenticated: "key-missing",
    exceptions.AuthenticationFailed: "key-unknown",
    exceptions.ParseError: "malformed",
    exceptions.NotAcceptable: "not-acceptable",
    exceptions.UnsupportedMediaType: "unsupported-media-type",
    exceptions.MethodNotAllowed: "method-not-allowed",
    RequestDataTooBig: "too-large",
}


def flat(details: Any, *, place: str, path: str = "") -> Iterator[Error]:
    """A serializer's nested messages as a flat list of errors. Pure."""
    if isinstance(details, Mapping) and {"message", "code"} <= details.keys():
        where = path if place == "pointer" else path.removeprefix("/")
        yield {place: where, "code": str(details["code"]), "detail": str(details["message"])}
    elif isinstance(details, Mapping):
        for name, inner in details.items():
            step = "" if name == "non_field_errors" else f"/{_escaped(str(name))}"
            yield from flat(inner, place=place, path=path + step)
    else:
        for inner in details:
            yield from flat(inner, place=place, path=path)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")  # RFC 6901 section 3


def parameter_error(name: str, detail: str) -> Problem:
    """A parameter of the address that cannot be used."""
    return Problem("invalid", errors=[{"parameter": name, "code": "invalid", "detail": detail}])
