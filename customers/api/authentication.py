"""Who calls: the key in the Authorization header (RFC 6750 section 2.1), from which address."""

from typing import NoReturn, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from customers import keys
from customers.api import rates
from customers.api.problems import Problem
from customers.models import ApiKey

CHALLENGE = 'Bearer realm="Hatobin"'


class KeyAuthentication(BaseAuthentication):
    """`request.user` and `request.auth` are the ApiKey. Sessions and cookies count for nothing."""

    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey]:
        """Raises Problem for every key that is not taken; no request goes on without one."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise Problem("key-missing", headers={"WWW-Authenticate": CHALLENGE})
        now, address = timezone.now(), client_address(request)
        key = keys.find(text.strip())
        refusal = keys.objection(key, address=address, now=now)
        if key is None or refusal is not None:
            _refuse(refusal or keys.Refusal.UNKNOWN, address)
        keys.note_use(key=key, address=address, now=now)
        return key, key


def key_of(request: Request) -> ApiKey:
    """The key of a request that was let in."""
    return cast("ApiKey", request.auth)


def client_address(request: Request | HttpRequest) -> str:
    """The IP address of the caller; "" when it cannot be known (a unix socket without proxy).

    Each of the PROXIES in front appended who asked it to X-Forwarded-For. Entries further left are
    what the caller says of itself.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.PROXIES:
        return peer
    hops = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    return hops[-settings.PROXIES].strip() if len(hops) >= settings.PROXIES else ""


def _refuse(refusal: keys.Refusal, address: str) -> NoReturn:
    """Who tries keys is slowed down by address: each try costs a query."""
    taken = rates.take(f"refused:{address}", per_minute=rates.REFUSED_PER_MINUTE)
    if taken is not None and not taken.allowed:
        raise Throttled(wait=taken.wait)
    headers = (
        {}
        if refusal is keys.Refusal.ADDRESS
        else {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'}
    )
    raise Problem(refusal.value, headers=headers)
