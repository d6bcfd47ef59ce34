"""`manage.py platform`: a file becomes rows by audited verbs, all or nothing, again and again."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from customers.models import AuditEntry, Customer, Person
from delivery import live, routing
from delivery.models import DkimKey, IpState, Pool, PoolFallback, PoolRole, Relay, SendingIp
from tests.delivery.test_platform_file import EXAMPLE, SMALL
from tests.support.platform import RSA_KEY

pytestmark = pytest.mark.django_db


def platform(*words: object) -> str:
    out = StringIO()
    call_command("platform", *map(str, words), stdout=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "h1.pem").write_text(RSA_KEY)
    key = '[[domain.dkim]]\nselector = "h1"\nkind = "rsa-2048"\nkey = "h1.pem"\n'
    path = tmp_path / "platform.toml"
    path.write_text(SMALL.replace("[[segment]]", key + "[[segment]]"))
    return path


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def test_the_example_becomes_a_platform_that_can_route(valkey):
    said = platform("apply", EXAMPLE)
    assert "add ip 192.0.2.2: helo out2.mail.example.jp, pool A, weight 5" in said
    asagao, table = Customer.objects.get(slug="asagao"), routing.table()
    route = table.route(asagao.pk, routing.Needs())
    assert isinstance(route, routing.PoolFacts)
    assert [ip.helo for ip in route.ips] == [f"out{n}.mail.example.jp" for n in (1, 2, 3)]
    assert [table.pools[rung].role for rung in table.ladders[route.id]] == [PoolRole.FALLBACK]
    assert DkimKey.objects.count() == 2
    verbs = set(AuditEntry.objects.values_list("verb", "by"))
    assert {("pool.add", "manage.py platform"), ("dkim.add", "manage.py platform")} <= verbs


def test_the_first_password_opens_the_door(valkey, client):
    said = platform("apply", EXAMPLE)
    email, password = re.findall(r"First password of (\S+), shown only here: (\S+)", said)[0]
    answer = client.post("/accounts/login/", {"login": email, "password": password})
    assert answer["Location"] == "/"
    person = Person.objects.get(email=email)
    assert (person.operator_role, person.name, person.language) == ("admin", "Hanako Unyo", "ja")


def test_a_second_run_changes_nothing(valkey):
    platform("apply", EXAMPLE)
    entries, epoch = AuditEntry.objects.count(), live.epoch()
    said = platform("apply", EXAMPLE)
    assert said.startswith("The platform is so already.")
    assert "Applied" not in said
    assert (AuditEntry.objects.count(), live.epoch()) == (entries, epoch)


def test_a_dry_run_changes_nothing(valkey):
    said = platform("apply", EXAMPLE, "--dry-run")
    assert "add pool A: role normal" in said
    assert "Nothing was changed: this was a dry run." in said
    assert "bounce.mail.example.jp. IN MX 10 mx.mail.example.jp." in said
    assert not Pool.objects.exists()
    assert not AuditEntry.objects.exists()


def test_what_is_shown_can_be_applied_and_changes_nothing(valkey, tmp_path):
    platform("apply", EXAMPLE)
    shown = tmp_path / "shown.toml"
    shown.write_text(platform("show"))
    assert platform("apply", shown).startswith("The platform is so already.")


def test_a_bad_file_changes_nothing_and_says_everything(valkey, file):
    append(file, '[[pool]]\nname = "B"\ndomain = "x.jp"\nladder = ["Q"]\n')
    with pytest.raises(CommandError) as caught:
        platform("apply", file)
    first, *rest = str(caught.value).splitlines()
    assert first == f"{file} was not applied. 2 things have to be put right:"
    assert [line.partition(": ")[0] for line in rest] == ['  [[pool]] 3 "B"'] * 2
    assert not Pool.objects.exists()


def test_changes_go_through_the_verbs_and_reach_running_batches(
    valkey, file, django_capture_on_commit_callbacks
):
    platform("apply", file)
    epoch = live.epoch()
    file.write_text(file.read_text().replace('pool = "A"', 'pool = "A"\nweight = 3'))
    with django_capture_on_commit_callbacks(execute=True):
        said = platform("apply", file)
    assert "change ip 192.0.2.1: weight 10 -> 3" in said
    assert SendingIp.objects.get().weight == 3
    assert live.epoch() != epoch
    entry = AuditEntry.objects.get(verb="ip.change")
    assert entry.evidence == {"before": {"weight": 10}, "after": {"weight": 3}}


def test_an_ip_is_retired_by_the_file_and_not_by_leaving_it_out(valkey, file):
    platform("apply", file)
    whole = file.read_text()
    file.write_text(whole.partition("[[ip]]")[0])
    assert "left as it is: ip 192.0.2.1." in platform("apply", file)
    assert SendingIp.objects.get().state == IpState.ACTIVE
    file.write_text(whole + 'state = "retired"\n')
    said = platform("apply", file)
    assert SendingIp.objects.get().state == IpState.RETIRED
    assert 'TXT "v=spf1 -all"' in said


def test_a_key_of_ones_own_signs_and_is_published(valkey, file):
    said = platform("apply", file)
    assert DkimKey.objects.get().private_key == RSA_KEY
    assert "h1._domainkey.mail.example.jp. IN TXT" in said
    assert "h1._domainkey.mail.example.jp. IN TXT" in platform("dns")


def test_pools_swap_roles_and_ladders_in_one_go(valkey, file):
    more = '[[pool]]\nname = "F"\nrole = "fallback"\ndomain = "mail.example.jp"\n'
    first = file.read_text().replace('name = "A"\n', 'name = "A"\nladder = ["F"]\n') + more
    file.write_text(first)
    platform("apply", file)
    swapped = first.replace('["F"]', '["Q"]').replace('"quarantine"', '"X"')
    file.write_text(swapped.replace('"fallback"', '"quarantine"').replace('"X"', '"fallback"'))
    platform("apply", file)
    rungs = PoolFallback.objects.values_list("pool__name", "fallback__name")
    assert list(rungs) == [("A", "Q")]
    assert dict(Pool.objects.values_list("name", "role")) == {
        "A": "normal", "F": "quarantine", "Q": "fallback",
    }  # fmt: skip


def test_a_relays_password_comes_from_the_environment_and_is_nowhere_shown(
    valkey, file, monkeypatch
):
    relay = '[[relay]]\nname = "R"\nhost = "r.example.jp"\nusername = "u"\npassword_env = "P"\n'
    append(file, relay)
    monkeypatch.setenv("P", "hush-hush")
    said = platform("apply", file) + platform("show")
    assert Relay.objects.get().password == "hush-hush"
    assert "hush-hush" not in said + str(list(AuditEntry.objects.values()))
    append(file, "port = 25\n")
    monkeypatch.setenv("P", "other")
    platform("apply", file)
    assert (Relay.objects.get().password, Relay.objects.get().port) == ("other", 25)


def test_people_and_customers_change_and_the_last_administrator_stays(valkey, file):
    person = '[[person]]\nemail = "op@x.jp"\noperator = "admin"\ncustomers = {a = "owner"}\n'
    append(file, '[[customer]]\nslug = "a"\nname = "Ah"\npool = "A"\n' + person)
    platform("apply", file)
    file.write_text(file.read_text().replace('"Ah"', '"Oh"').replace('"owner"', '"viewer"'))
    platform("apply", file)
    assert Customer.objects.get().name == "Oh"
    assert Person.objects.get().memberships.get().role == "viewer"
    file.write_text(file.read_text().replace('"admin"', '"none"').replace('"Oh"', '"Uh"'))
    with pytest.raises(CommandError, match=r"Nothing was changed: op@x.jp is the last administr"):
        platform("apply", file)
    assert Customer.objects.get().name == "Oh"
