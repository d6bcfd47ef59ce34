"""People by verb and by `manage.py person`: who may do what, audited; one administrator stays."""

import io
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from customers import customers, people
from customers.models import AuditEntry, Customer, Membership, OperatorRole, Person, Role
from customers.people import PersonRefused
from tests.support.cast import PASSWORD, make_person

pytestmark = pytest.mark.django_db


def person(*words: str) -> str:
    out = StringIO()
    call_command("person", *words, stdout=out)
    return out.getvalue()


def told(verb: str) -> list[tuple[str, str]]:
    return list(AuditEntry.objects.filter(verb=verb).values_list("before", "after"))


def test_an_administrator_is_added_and_can_sign_in(client):
    said = person("add", " Root@Hatobin.example ", "--operator", "admin", "--name", "Root")
    [password] = re.findall(r"First password, shown only here: (\S+)", said)
    assert len(password) == 16
    answer = client.post(
        "/accounts/login/", {"login": "root@hatobin.example", "password": password}
    )
    assert answer["Location"] == "/"
    found = Person.objects.get()
    assert (found.email, found.operator_role, found.name) == (
        "root@hatobin.example", "admin", "Root",
    )  # fmt: skip
    assert told("person.operator") == [("", "admin")]
    assert AuditEntry.objects.get(verb="person.add").by == "manage.py person"


def test_a_member_is_added_with_a_password_of_ones_own(botan, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    said = person("add", "cleo@botan.example", "--customer", "botan", "--role", "owner",
                  "--password-stdin", "--language", "en")  # fmt: skip
    assert said == "Added cleo@botan.example.\n"
    found = Person.objects.get()
    assert found.check_password(PASSWORD)
    assert found.memberships.get().role == "owner"
    assert AuditEntry.objects.get(verb="membership.set").customer == botan


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["x"], "'x' is no e-mail address that a person can sign in with."),
        (["a@b.jp", "--language", "fr"], "Language 'fr' is not spoken here; use one of ja, en."),
        (["a@b.jp", "--customer", "nobody", "--role", "owner"], "There is no customer nobody. Kno"),
        (["a@b.jp", "--customer", "nobody"], "--customer and --role go together"),
        (["ADA@asagao.example"], "ada@asagao.example is there already."),
    ],
)
def test_who_cannot_be_added_is_told_why(ada, words, sentence):
    with pytest.raises(CommandError, match=re.escape(sentence)):
        person("add", *words)
    assert Person.objects.count() == 1


def test_a_password_that_is_easily_guessed_is_refused(db, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("password\n"))
    with pytest.raises(CommandError, match=r"The password cannot be used: .*too common"):
        person("add", "a@b.jp", "--password-stdin")


def test_the_prompt_asks_twice(db, monkeypatch):
    answers = iter([PASSWORD, "other", PASSWORD, PASSWORD])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    with pytest.raises(CommandError, match="The two passwords differ"):
        person("add", "a@b.jp", "--password-prompt")
    person("add", "a@b.jp", "--password-prompt")
    assert Person.objects.get().check_password(PASSWORD)


def test_everybody_is_listed_with_roles(ada, vera, root, now):
    people.set_active(person=vera, to=False, by="test", now=now)
    assert person("list") == (
        "ada@asagao.example  asagao:owner\n"
        "root@hatobin.example  operator:operator\n"
        "vera@asagao.example  asagao:viewer  (disabled)\n"
    )
    Membership.objects.all().delete()
    assert "ada@asagao.example  no role\n" in person("list")


def test_roles_are_given_and_taken(ada, botan):
    assert person("operator", ada.email, "viewer") == f"{ada.email}: operator role is viewer.\n"
    assert "already" in person("operator", ada.email, "viewer")
    assert person("join", ada.email, "botan", "viewer").endswith("is viewer at botan.\n")
    assert person("join", ada.email, "botan", "editor").endswith("is editor at botan.\n")
    assert "already" in person("join", ada.email, "botan", "editor")
    assert told("membership.set") == [("", "viewer"), ("viewer", "editor")]
    assert person("leave", ada.email, "botan").endswith("has no role at botan.\n")
    assert "already" in person("leave", ada.email, "botan")
    assert [seat.customer.slug for seat in ada.memberships.all()] == ["asagao"]


def test_who_is_switched_off_is_out_at_once_and_can_come_back(ada, client_for):
    client = client_for(ada)
    assert client.get("/mailings/").status_code == 200
    person("disable", ada.email)
    assert client.get("/mailings/")["Location"].startswith("/accounts/login/")
    person("enable", ada.email)
    ada.refresh_from_db()
    assert ada.is_active
    assert told("person.disable") == told("person.enable") == [("", "")]


def test_the_last_administrator_stays(now):
    first = make_person("a@h.example", operator_role="admin")
    second = make_person("b@h.example", operator_role="admin")
    values: dict[str, Any] = {"by": "test", "now": now}
    assert people.set_active(person=second, to=False, **values)
    for change in (
        lambda: people.set_operator_role(person=first, to=OperatorRole.VIEWER, **values),
        lambda: people.set_active(person=first, to=False, **values),
    ):
        with pytest.raises(PersonRefused, match=r"a@h\.example is the last administrator"):
            change()
    # One who is switched off is no administrator that counts, and may go.
    assert people.set_operator_role(person=second, to=OperatorRole.NONE, **values)


def test_nobody_unknown_is_changed(db):
    with pytest.raises(CommandError, match=r"There is no x@y.jp. `manage.py person list` shows"):
        person("disable", "x@y.jp")


def test_a_person_is_described_once(ada, now):
    values: dict[str, Any] = {"person": ada, "name": "Ada L", "language": "ja"}
    assert people.describe(**values, by="test", now=now)
    assert not people.describe(**values, by="test", now=now)
    assert AuditEntry.objects.filter(verb="person.describe").count() == 1


def test_a_customer_is_added_and_renamed(db, now):
    added = customers.add(slug="kiku", name="Kiku", by="test", now=now)
    assert customers.rename(customer=added, to="Kiku Inc.", by="test", now=now)
    assert not customers.rename(customer=added, to="Kiku Inc.", by="test", now=now)
    assert Customer.objects.get().name == "Kiku Inc."
    assert told("customer.rename") == [("Kiku", "Kiku Inc.")]
    assert people.set_membership(
        person=make_person("k@kiku.example"), customer=added, role=Role.OWNER, by="test", now=now
    )
