"""Names that the platform publishes in the box: a file, read when the box starts."""

import pytest

from blacklist import health
from sandbox.demo import names, platform
from sandbox.own_names import FILE, with_own_names, write
from sandbox.scenario import BadScenario, Record, Scenario

EMPTY = Scenario((), {})
RECORD = Record("_dmarc.m.example", "TXT", 'v=DMARC1; p="none"')


def test_what_is_written_is_served_beside_the_scenario(tmp_path):
    write(tmp_path / "new", [RECORD])
    assert with_own_names(EMPTY, tmp_path / "new").records == (RECORD,)
    assert with_own_names(EMPTY, tmp_path) is EMPTY


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no json", "delete it"),
        ('[["a", "TXT"]]', "delete it"),
        ("7", "delete it"),
        ('[["a", "SRV", "x"]]', "SRV is no type that the box serves"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, text, sentence):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BadScenario, match=sentence) as caught:
        with_own_names(EMPTY, tmp_path)
    assert FILE in str(caught.value)


@pytest.mark.django_db
def test_the_demo_publishes_what_its_platform_needs_but_for_one_ip(tmp_path, now):
    platform.build(now=now, password="a pigeon knows the way")
    names.publish(tmp_path)
    records = with_own_names(EMPTY, tmp_path).records
    spf = {r.name: r.value for r in records if r.value.startswith("v=spf1")}
    needed = {
        check.record.name: check.expected
        for plan in health.plans()
        for check in plan.checks
        if check.kind == "spf"
    }
    differing = [name for name in needed if spf[name] != needed[name]]
    assert differing == ["bounce.mail-b.example"]
    assert f"ip4:{names.FORGOTTEN}" not in spf["bounce.mail-b.example"]
    assert Record("mx.mail-a.example", "A", names.INTAKE) in records
