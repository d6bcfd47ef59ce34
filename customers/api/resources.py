"""What all endpoints share: scopes, limits in headers, conditional requests, repeated requests."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response, set_response_etag
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers import idempotency
from customers.api.authentication import key_of
from customers.api.problems import Problem
from customers.api.rates import Taken
from customers.models import Scope

P = ParamSpec("P")
V = TypeVar("V", bound=APIView)
Handler = Callable[Concatenate[V, Request, P], Response]


class Resource(GenericAPIView[Any]):
    """An endpoint. `scopes`: method -> what a key needs for it."""

    scopes: ClassVar[dict[str, Scope]] = {}
    more_parameters: ClassVar[frozenset[str]] = frozenset()  # of the address, besides filters
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    taken: Taken | None = None  # what the rate limit said
    opened: ExitStack  # files of the request, closed when it is answered

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The framework's, then headers; a client that has the content already gets 304."""
        with ExitStack() as self.opened:
            response = super().dispatch(request, *args, **kwargs)
        if isinstance(response, Response):
            response.render()
        response = unless_known(request, response)
        rate = self.taken.headers() if self.taken is not None else {}
        for name, value in {"Cache-Control": "private, no-cache", **rate}.items():
            response.headers[name] = value
        return response


def unless_known(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The answer with its ETag, or 304 when If-None-Match names it (RFC 9110 section 13)."""
    if request.method not in {"GET", "HEAD"} or response.status_code != 200:
        return response
    if not isinstance(response, HttpResponse):
        return response  # streamed: its content is not known yet
    set_response_etag(response)
    found = get_conditional_response(request, etag=response.headers["ETag"], response=response)
    return response if found is None else found


def repeatable(handler: Handler[V, P]) -> Callable[Concatenate[V, Request, P], HttpResponse]:
    """A change that is made once for each Idempotency-Key; its answer is given again for a day.

    The change and the record of its answer are one transaction. What was refused changed nothing
    and is not kept: it may be corrected and sent with the same key.
    """

    @wraps(handler)
    def once(view: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if "Idempotency-Key" not in request.headers:
            return handler(view, request, *args, **kwargs)
        word, now = _word(request), timezone.now()
        mark = idempotency.fingerprint(
            method=str(request.method), path=request.get_full_path(), content=request.data
        )
        with transaction.atomic():
            kept = _begin(request, word, mark)
            if kept is not None:
                return _told(kept, again=True)
            answer = _answer(handler(view, request, *args, **kwargs))
            idempotency.keep(
                key=key_of(request), word=word, fingerprint=mark, answer=answer, now=now
            )
        return _told(answer, again=False)

    return once


def _word(request: Request) -> str:
    word = request.headers["Idempotency-Key"]
    fits = 0 < len(word) <= idempotency.MOST_CHARACTERS
    if not (fits and word.isascii() and word.isprintable()):
        raise Problem("invalid-idempotency-key")
    return word


def _begin(request: Request, word: str, mark: str) -> idempotency.Answer | None:
    try:
        return idempotency.begin(
            key=key_of(request), word=word, fingerprint=mark, now=timezone.now()
        )
    except idempotency.AnotherRequest:
        raise Problem("idempotency-key-reused") from None
    except idempotency.UnderWay:
        raise Problem("request-under-way", headers={"Retry-After": "1"}) from None


def _answer(response: Response) -> idempotency.Answer:
    content = JSONRenderer().render(response.data).decode()
    return idempotency.Answer(
        response.status_code, content, str(response.headers.get("Location", ""))
    )


def _told(answer: idempotency.Answer, *, again: bool) -> HttpResponse:
    headers = {"Location": answer.location} if answer.location else {}
    if again:
        headers["Idempotent-Replayed"] = "true"
    return HttpResponse(
        answer.content, status=answer.status, content_type="application/json", headers=headers
    )
