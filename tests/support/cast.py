"""The cast. Two customers: asagao has ada (owner), ben (editor), vera (viewer); botan has cleo.

Root operates the platform, watcher only looks at it. Django is not loaded yet when pytest reads
this plugin, so models are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from customers.models import Customer, Person

PASSWORD = "a pigeon knows the way"


def make_person(email: str, **fields: Any) -> Person:
    from customers.models import Person

    fields = {"language": "en", "name": email.partition("@")[0].title(), **fields}
    return Person.objects.create_user(email, PASSWORD, **fields)


def join(person: Person, customer: Customer, role: str) -> Person:
    from customers.models import Membership

    Membership.objects.create(customer=customer, person=person, role=role)
    return person


@pytest.fixture
def asagao(db: None) -> Customer:
    from tests.support.platform import make_customer, make_pool

    return make_customer("Asagao", make_pool("Sakura", "127.0.10.1", "127.0.10.2"))


@pytest.fixture
def botan(db: None) -> Customer:
    from tests.support.platform import make_customer

    return make_customer("Botan")


@pytest.fixture
def ada(asagao: Customer) -> Person:
    return join(make_person("ada@asagao.example"), asagao, "owner")


@pytest.fixture
def ben(asagao: Customer) -> Person:
    return join(make_person("ben@asagao.example"), asagao, "editor")


@pytest.fixture
def vera(asagao: Customer) -> Person:
    return join(make_person("vera@asagao.example"), asagao, "viewer")


@pytest.fixture
def cleo(botan: Customer) -> Person:
    return join(make_person("cleo@botan.example"), botan, "owner")


@pytest.fixture
def root(db: None) -> Person:
    return make_person("root@hatobin.example", operator_role="operator")


@pytest.fixture
def watcher(db: None) -> Person:
    return make_person("watcher@hatobin.example", operator_role="viewer")


@pytest.fixture
def client_for() -> Callable[[Person], Client]:
    """A browser in which that person is signed in."""
    from django.test import Client

    def signed_in(person: Person) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return signed_in


@pytest.fixture
def enter(
    request: pytest.FixtureRequest, client_for: Callable[[Person], Client]
) -> Callable[[str], Client]:
    """The same by name: `enter("vera")`."""
    return lambda name: client_for(request.getfixturevalue(name))
