"""What a key may do: each endpoint names the scope of each of its methods."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from customers.api.authentication import key_of
from customers.api.problems import Problem
from customers.models import Scope


class HasScope(BasePermission):
    """A view without `scopes` for a method that it takes answers nobody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        method = str(request.method)
        if method not in view.allowed_methods:
            return True  # answered with 405
        needed = scope_of(view, method)
        if needed not in key_of(request).scopes:
            raise Problem("scope-missing", _("The scope %(scope)s is needed.") % {"scope": needed})
        return True


def scope_of(view: Any, method: str) -> Scope:
    """The scope that a view's method needs; HEAD that of GET."""
    scopes: dict[str, Scope] = getattr(view, "scopes", {})
    method = "GET" if method == "HEAD" else method
    if method not in scopes:
        raise ImproperlyConfigured(f"{type(view).__name__} names no scope for {method}.")
    return scopes[method]
