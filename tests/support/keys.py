"""Programs with keys: makes a key, and a client that sends it.

A plugin of pytest like the cast: models are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from customers.keys import Made
    from customers.models import Customer


def make_key(customer: Customer | None, *scopes: str, **fields: Any) -> Made:
    """A key of a customer or of the operators, with all scopes unless some are named."""
    from django.utils import timezone

    from customers import keys
    from customers.models import Person, Scope

    by, _ = Person.objects.get_or_create(
        email="admin@hatobin.example", defaults={"operator_role": "admin"}
    )
    wanted = [Scope(scope) for scope in scopes or Scope.values]
    fields = {"name": "shop", "now": timezone.now(), **fields}
    return keys.make(customer=customer, scopes=wanted, by=by, **fields)


class Program:
    """Sends JSON with a key and reads JSON."""

    def __init__(self, text: str) -> None:
        from django.test import Client

        self.client = Client(headers={"Authorization": f"Bearer {text}", "Accept-Language": "en"})

    def get(
        self, path: str, query: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        return self.client.get(path, query, headers=headers)

    def post(self, path: str, content: Any = None, headers: dict[str, str] | None = None) -> Any:
        return self.client.post(path, content, content_type="application/json", headers=headers)

    def send_csv(self, path: str, text: str, headers: dict[str, str] | None = None) -> Any:
        return self.client.post(path, text, content_type="text/csv", headers=headers)


@pytest.fixture
def program_of() -> Callable[..., Program]:
    """`program_of(asagao, "suppressions:read")`; None: a program of the operators."""
    return lambda customer, *scopes, **fields: Program(make_key(customer, *scopes, **fields).text)
