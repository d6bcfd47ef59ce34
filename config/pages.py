"""What all pages share: the way around, the person's language and time zone, the colour theme."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from customers.access import customers_of
from customers.models import Customer, Person

THEME_COOKIE = "hatobin_theme"
THEMES = ("light", "dark")
YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation."""

    label: Promise
    icon: str
    url: str
    is_here: bool


# Label, icon, url name, for operators only.
_PLACES = (
    (_("Overview"), "dashboard", "overview", True),
    (_("Mailings"), "send", "mailing_list", False),
    (_("Find a recipient"), "search", "search", False),
    (_("Customers"), "building", "customer_list", False),
    (_("Pools and IPs"), "stack-2", "pool_list", True),
    (_("Set-up"), "shield-check", "setup_list", True),
    (_("Destinations"), "world", "destination_list", True),
    (_("Replies"), "message", "reply_inbox", True),
    (_("Thresholds"), "activity", "threshold_list", True),
    (_("Suppressed addresses"), "mail-off", "suppression_list_everyone", True),
    (_("Reports"), "inbox", "report_list", True),
    (_("API keys"), "key", "key_list_operators", True),
)


def surroundings(request: HttpRequest) -> dict[str, Any]:
    """Context processor: navigation, theme, languages."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "places": partial(navigation, request),  # fragments of pages do not ask for it
        "theme": theme if theme in THEMES else "",
        "languages": settings.LANGUAGES,
    }


def navigation(request: HttpRequest) -> list[Place]:
    """The places this visitor may go to; none before signing in."""
    person = getattr(request, "user", None)
    if not isinstance(person, Person):
        return []
    own = [] if person.is_operator else list(customers_of(person)[:2])
    places = [
        Place(label, icon, url, _is_here(url, request.path))
        for label, icon, name, operators_only in _PLACES
        if _is_shown(name, person, own, operators_only=operators_only)
        for url in [reverse(name)]
    ]
    if len(own) == 1:
        url = reverse("customer", args=[own[0].pk])
        places.insert(0, Place(_("Overview"), "dashboard", url, _is_here(url, request.path)))
    return places


def _is_shown(name: str, person: Person, own: Sequence[Customer], *, operators_only: bool) -> bool:
    """A member of one customer has its page in place of a list with one entry."""
    if name == "customer_list" and len(own) == 1:
        return False
    return person.is_operator or not operators_only


def _is_here(url: str, path: str) -> bool:
    return path == url if url == "/" else path.startswith(url)


class PersonLocaleMiddleware:
    """Pages speak the language of the person signed in and show times of that person's zone.

    After AuthenticationMiddleware. Visitors keep what LocaleMiddleware chose.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        person = request.user
        timezone.deactivate()
        if isinstance(person, Person):
            translation.activate(known_language(person.language))
            request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE
            timezone.activate(zone_of(person))
        return self.get_response(request)


def known_language(code: str) -> str:
    return code if code in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def zone_of(person: Person) -> ZoneInfo:
    """The person's zone; the platform's when the name means nothing to this machine."""
    try:
        return ZoneInfo(person.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(settings.TIME_ZONE)


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Remember a language or a theme, and go back to where the visitor was."""
    response = HttpResponseRedirect(_way_back(request))
    theme, language = request.POST.get("theme", ""), request.POST.get("language", "")
    if theme in THEMES:
        _keep(response, THEME_COOKIE, theme)
    if language in dict(settings.LANGUAGES):
        _keep(response, settings.LANGUAGE_COOKIE_NAME, language)
        if isinstance(request.user, Person):
            Person.objects.filter(pk=request.user.pk).update(language=language)
    return response


def _way_back(request: HttpRequest) -> str:
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, {request.get_host()}, require_https=request.is_secure()
    )
    return target if safe else "/"


def _keep(response: HttpResponse, cookie: str, value: str) -> None:
    response.set_cookie(
        cookie,
        value,
        max_age=YEAR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
