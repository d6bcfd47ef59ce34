"""Who may use which operation of the API: every one that the schema names."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from customers import suppressions
from customers.api.resources import Resource
from customers.api.schema import document
from customers.models import Customer, Scope, Suppression, SuppressionReason
from tests.support.keys import Program

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

ProgramOf = Callable[..., Program]
KEY = "hanako@r.example"


def operations() -> Iterator[tuple[str, str]]:
    for path, methods in json.loads(document())["paths"].items():
        yield from ((method, path) for method in methods if method in {"get", "post"})


OPERATIONS = sorted(operations())
# What makes each change succeed for its owner, so that a refusal is one of the caller.
CONTENT: dict[str, Any] = {
    "/api/v1/suppressions/": {"address": "new@r.example"},
    "/api/v1/suppressions/bulk/": {"items": [{"address": "new@r.example"}]},
    "/api/v1/suppressions/import/": "email\nnew@r.example\n",
    "/api/v1/suppressions/{suppression_id}/lift/": {"why": "alive"},
}


@pytest.fixture
def row(asagao: Customer) -> Suppression:
    suppressions.add(
        customer_id=asagao.pk, key=KEY, reason=SuppressionReason.MANUAL, evidence={}, by="test",
        now=timezone.now(),
    )  # fmt: skip
    return Suppression.objects.get()


def call(client: Client, method: str, path: str, row: Suppression, query: str = "") -> Any:
    where = path.replace("{suppression_id}", str(row.pk)) + query
    if method == "get":
        return client.get(where)
    content = CONTENT[path]
    kind = "text/csv" if isinstance(content, str) else "application/json"
    return client.post(where, content, content_type=kind)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_stranger_without_a_key_is_refused(method: str, path: str, row: Suppression) -> None:
    answer = call(Client(), method, path, row)
    assert (answer.status_code, answer.json()["code"]) == (401, "key-missing")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_owner_with_the_right_scope_is_served(
    method: str, path: str, row: Suppression, asagao: Customer, program_of: ProgramOf
) -> None:
    program = program_of(asagao, f"suppressions:{'read' if method == 'get' else 'write'}")
    assert call(program.client, method, path, row).status_code in {200, 201}


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_key_with_the_other_scope_is_refused(
    method: str, path: str, row: Suppression, asagao: Customer, program_of: ProgramOf
) -> None:
    program = program_of(asagao, f"suppressions:{'write' if method == 'get' else 'read'}")
    answer = call(program.client, method, path, row)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
    assert list(Suppression.objects.values_list("key", "lifted_at")) == [(KEY, None)]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_another_tenant_finds_nothing(
    method: str, path: str, row: Suppression, botan: Customer, program_of: ProgramOf
) -> None:
    client = program_of(botan).client
    answer = call(client, method, path, row, f"?customer={row.customer_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    plain = call(client, method, path, row)
    content = plain.getvalue() if plain.streaming else plain.content
    assert KEY not in content.decode()
    assert plain.status_code == 404 if "{" in path else plain.status_code < 300
    row.refresh_from_db()
    assert row.lifted_at is None
    assert not Suppression.objects.filter(customer=row.customer_id).exclude(pk=row.pk).exists()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_holds_for_everyone_is_not_a_customers(
    method: str, path: str, row: Suppression, asagao: Customer, program_of: ProgramOf
) -> None:
    Suppression.objects.update(customer=None)
    answer = call(program_of(asagao).client, method, path, row)
    content = answer.getvalue() if answer.streaming else answer.content
    assert KEY not in content.decode()
    assert answer.status_code == 404 if "{" in path else answer.status_code < 300


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operators_key_is_served_for_every_customer(
    method: str, path: str, row: Suppression, program_of: ProgramOf
) -> None:
    query = f"?customer={row.customer_id}"
    assert call(program_of(None).client, method, path, row, query).status_code in {200, 201}


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_names_its_scope(method: str, path: str) -> None:
    view = resolve(path.replace("{suppression_id}", "1")).func
    kind = view.view_class  # type: ignore[attr-defined]
    assert issubclass(kind, Resource)
    assert kind.scopes[method.upper()] in Scope
    assert set(kind.scopes) == {
        one.upper() for one in kind.http_method_names if one != "head" and hasattr(kind, one)
    }
