"""docs/first-steps.md: its commands run as written, one after the other, and end in a platform."""

import re
import shlex
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command

from config.embedded import BASE_DIR
from customers.models import Contact, Customer, Person
from delivery import routing
from delivery.models import DkimKey, Pool, SendingIp

DOCUMENT = (BASE_DIR / "docs" / "first-steps.md").read_text()
LEFT_OUT = {
    "run",  # tests/config/test_run.py
    "check",  # tests/config/test_settings.py: with production settings
    "migrate",  # the test database is
}


def commands() -> Iterator[list[str]]:
    for block in re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("python manage.py "):
                yield shlex.split(line)[2:]


@pytest.mark.django_db
def test_the_commands_of_the_first_steps_lead_to_a_platform(valkey, monkeypatch):
    monkeypatch.chdir(BASE_DIR)
    said = StringIO()
    for command, *words in commands():
        if command not in LEFT_OUT:
            call_command(command, *words, stdout=said)
    asagao = Customer.objects.get(slug="asagao")
    assert isinstance(routing.table().route(asagao.pk, routing.Needs()), routing.PoolFacts)
    assert (Pool.objects.count(), SendingIp.objects.count(), DkimKey.objects.count()) == (3, 5, 2)
    assert set(Person.objects.values_list("email", "operator_role")) == {
        ("operator@example.jp", "admin"), ("owner@asagao.example.jp", ""),
        ("watch@example.jp", "viewer"), ("editor@asagao.example.jp", ""),
    }  # fmt: skip
    assert Contact.objects.filter(customer=asagao, basis="opt-in").count() == 2
    assert "2 added, 0 updated, 0 duplicates, 0 rejected" in said.getvalue()


def test_the_first_steps_name_every_part():
    named = {command[0] for command in commands()}
    assert named == {"platform", "person", "import_contacts", "reconcile"} | LEFT_OUT
    for word in ("SECRET_KEY", "FIELD_KEY", "BASE_URL", "PTR", "SPF", "DKIM", "DMARC", "TOTP"):
        assert word in DOCUMENT
