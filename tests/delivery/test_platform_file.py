"""A platform file: everything wrong in it is said at once, with its place; what it would change."""

import tomllib
from pathlib import Path

import pytest
from django.utils import translation

from config.embedded import BASE_DIR
from delivery.platform_checks import problems
from delivery.platform_dns import Intake, txt, zones
from delivery.platform_file import Entry, PlatformRefused, load, parse, write
from delivery.platform_plan import outcome, plan, remarks, words
from tests.support.platform import RSA_KEY
from wire import dkim

HIDDEN = Intake("", "127.0.0.1", 2526)
EXAMPLE = BASE_DIR / "docs" / "platform.example.toml"

SMALL = """
[[domain]]
name = "mail.example.jp"
helo = "mx.mail.example.jp"
envelope_domain = "bounce.mail.example.jp"
[[segment]]
name = "Tokyo"
network = "192.0.2.0/26"
[[pool]]
name = "A"
domain = "mail.example.jp"
[[pool]]
name = "Q"
role = "quarantine"
domain = "mail.example.jp"
[[ip]]
address = "192.0.2.1"
segment = "Tokyo"
pool = "A"
"""


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


def wrong(text: str, *, stored: tuple[Entry, ...] = (), **variables: str) -> list[str]:
    entries, found = parse(tomllib.loads(text), directory=Path("/nowhere"), variables=variables)
    return [str(problem) for problem in found or problems(entries, plan(entries, stored))]


def entries_of(text: str, directory: Path = Path("/nowhere"), **variables: str) -> list[Entry]:
    entries, found = parse(tomllib.loads(text), directory=directory, variables=variables)
    assert found == []
    return entries


def test_the_example_and_the_small_file_are_fine():
    assert problems(load(EXAMPLE, variables={}), plan(load(EXAMPLE, variables={}), ())) == []
    assert wrong(SMALL) == []


FORM = [
    ('[[pools]]\nname = "A"', "the file: 'pools' is not known; use domain, segment, relay, pool"),
    ('pool = "A"', "pool: use [[pool]] for each of them"),
    ("[[pool]]", "[[pool]] 1: name is missing"),
    ('[[pool]]\nname = "A"\ncolour = 1', "[[pool]] 1 \"A\": 'colour' is not known; use name, role"),
    ('[[pool]]\nname = "A"\ntls = "always"', "[[pool]] 1 \"A\", tls: 'always' is not known; use "),
    ('[[pool]]\nname = "A"\nladder = "B"', "ladder: 'B' cannot be used; use a list of names"),
    ('[[pool]]\nname = "A"\ncarries_attachments = 1', "use true or false"),
    ('[[pool]]\nname = ""', "name: '' cannot be used; use a text of 1 to 60 characters"),
    ('[[ip]]\naddress = "192.0.2"', "'192.0.2' is no IP address"),
    ('[[ip]]\naddress = "::ffff:192.0.2.1"', "IPv4 as IPv4"),
    ('[[ip]]\naddress = "192.0.2.1"\nweight = 0', "use a whole number from 1 to 100"),
    ('[[ip]]\naddress = "192.0.2.1"\nhelo = "out_1.x.jp"', "'out_1.x.jp' is no host name"),
    ('[[ip]]\naddress = "192.0.2.1"\nhelo = "out 1"', "'out 1' is no host name"),
    ('[[ip]]\naddress = "192.0.2.1"\nstate = "listed"', "use active, resting, retired"),
    ('[[segment]]\nname = "T"\nnetwork = "192.0.2.1/26"', "is no network (192.0.2.1/26 has host"),
    ('[[domain]]\nname = "localhost"', "'localhost' is no domain name"),
    ('[[domain]]\nname = "x.jp"\ndkim = 1', "use [[domain.dkim]] for each key"),
    ('[[domain]]\nname = "x.jp"\n[[domain.dkim]]\nselector = "h.1"', "'h.1' is no selector"),
    (
        '[[domain]]\nname = "x.jp"\n[[domain.dkim]]\nselector = "h1"\nkey = "k.pem"',
        "k.pem cannot be read (No such",
    ),
    ('[[domain]]\nname = "-"\n[[domain.dkim]]\nselector = "h1"', "'-' is no domain name"),
    ('[[relay]]\nname = "R"\npassword = "x"', "'password' is not known; use name, host"),
    (
        '[[relay]]\nname = "R"\npassword_env = "UNSET"',
        "the environment variable 'UNSET' is not set",
    ),
    ('[[relay]]\nname = "R"\npassword_file = ""', "use the path of a file"),
    ('[[customer]]\nslug = "A b"', "'A b' is no slug"),
    ('[[person]]\nemail = "nobody"', "'nobody' is no e-mail address"),
    ('[[person]]\nemail = "a@b.jp"\ncustomers = "x"', "use a table of slug = role"),
    ('[[person]]\nemail = "a@b.jp"\ncustomers = {x = "boss"}', "'boss' is not known; use owner"),
]


@pytest.mark.parametrize(("text", "sentence"), FORM)
def test_a_value_that_cannot_be_used_is_told_with_its_place(text, sentence):
    [said] = wrong(text)
    assert sentence in said
    assert said.startswith(("[[", "the file", "pool"))


FIT = [
    ('[[pool]]\nname = "B"', '[[pool]] 3 "B": domain is missing, and a new pool needs it'),
    ('[[ip]]\naddress = "192.0.2.1"\npool = "Q"\nsegment = "Tokyo"',
     '[[ip]] 1 "192.0.2.1" and [[ip]] 2 "192.0.2.1": 192.0.2.1 is there twice; an IP belongs to'),
    ('[[ip]]\naddress = "192.0.2.64"\nsegment = "Tokyo"', "192.0.2.64 is outside its segment"),
    ('[[ip]]\naddress = "::1"\nsegment = "Tokyo"', "::1 is outside its segment Tokyo, 192.0.2.0"),
    ('[[ip]]\naddress = "192.0.2.2"\nsegment = "Nagoya"\npool = "Z"',
     "segment 'Nagoya' is not known; known are Tokyo"),
    ('[[segment]]\nname = "Kyoto"\nnetwork = "192.0.2.0/26"', "192.0.2.0/26 is that of Tokyo too"),
    ('[[pool]]\nname = "B"\ndomain = "x.jp"', "domain 'x.jp' is not known; known are mail.example"),
    ('[[pool]]\nname = "B"\ndomain = "mail.example.jp"\nladder = ["B"]', "be its own fallback"),
    ('[[pool]]\nname = "B"\ndomain = "mail.example.jp"\nladder = ["A", "A"]', "is there twice"),
    ('[[pool]]\nname = "B"\ndomain = "mail.example.jp"\nladder = ["Q"]',
     "ladder: Q is a quarantine pool; clean mail never goes through it"),
    ('[[pool]]\nname = "B"\nrole = "quarantine"\ndomain = "mail.example.jp"\nladder = ["A"]',
     "a quarantine pool has none"),
    ('[[pool]]\nname = "B"\ndomain = "mail.example.jp"\nrelay = "R"', "relay 'R' is not known;"),
    ('[[relay]]\nname = "R"\nhost = "127.0.0.1"\ntls = "none"\nusername = "u"\npassword_env = "P"',
     "a username with tls none: the password would go in the clear"),
    ('[[relay]]\nname = "R"\nhost = "r.jp"\nusername = "u"', "username and password go together"),
    ('[[customer]]\nslug = "a"\nname = "A"\npool = "Q"', "pool Q is a quarantine pool; a cust"),
    ('[[person]]\nemail = "a@b.jp"\ncustomers = {x = "owner"}', "customer 'x' is not known; known"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), FIT)
def test_what_does_not_fit_together_is_told_with_its_place(text, sentence):
    said = wrong(SMALL + text, P="hush")
    assert sentence in "\n".join(said)
    assert all(line.startswith("[[") for line in said)
    assert "hush" not in "\n".join(said)


def test_everything_that_is_wrong_is_told_at_once():
    said = wrong('[[pool]]\nname = "A"\ntls = "x"\nrole = "y"\n[[ip]]\nweight = 0')
    assert len(said) == 4


@pytest.mark.parametrize(("text", "why"), [("[[pool]", "is no TOML: "), (None, "cannot be read")])
def test_a_file_that_cannot_be_read_is_named(tmp_path, text, why):
    path = tmp_path / "platform.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PlatformRefused) as caught:
        load(path, variables={})
    assert str(caught.value).startswith(f"{path}: {why}")


def test_names_are_brought_to_one_form():
    text = (
        '[[domain]]\nname = "日本語.JP"\n[[ip]]\naddress = "2001:DB8:0::1"\n'
        '[[person]]\nemail = "Ada@Example.JP"'
    )
    names = [entry.name for entry in entries_of(text)]
    assert names == ["xn--wgv71a119e.jp", "2001:db8::1", "ada@example.jp"]


def test_a_key_of_ones_own_is_read_from_its_file(tmp_path):
    (tmp_path / "h1.pem").write_text(RSA_KEY)
    text = '[[domain]]\nname = "x.jp"\nhelo = "x.jp"\nenvelope_domain = "x.jp"\n[[domain.dkim]]\n'
    [key, _] = entries_of(text + 'selector = "h1"\nkind = "rsa-2048"\nkey = "h1.pem"', tmp_path)
    assert key.values["pem"] == RSA_KEY
    assert key.values["record"] == dkim.dns_record(RSA_KEY)
    file = entries_of(text + 'selector = "h1"\nkind = "ed25519"\nkey = "h1.pem"', tmp_path)
    assert "is not of the kind ed25519" in str(problems(file, plan(file, ()))[0])
    (tmp_path / "h1.pem").write_bytes(b"\xff")
    raw = tomllib.loads(text + 'selector = "h1"\nkey = "h1.pem"')
    assert "it is not text" in str(parse(raw, directory=tmp_path, variables={})[1][0])
    (tmp_path / "h1.pem").write_text("no key")
    assert "h1.pem: The DKIM key is not" in str(parse(raw, directory=tmp_path, variables={})[1][0])


def test_another_key_needs_another_selector():
    name, values = "h1._domainkey.x.jp", {"domain_name": "x.jp", "selector": "h1"}
    stored = [Entry("dkim", name, {**values, "kind": "rsa-2048", "record": "k=rsa;", "pem": ""})]
    file = [Entry("dkim", name, {**values, "kind": "ed25519"}, "here")]
    [problem] = problems(file, plan(file, stored))
    assert str(problem).startswith("here: this selector has another key already")


def test_a_stored_ip_that_a_smaller_segment_leaves_out_is_named():
    stored = (
        Entry("segment", "T", {"network": "192.0.2.0/24"}),
        Entry("ip", "192.0.2.9", {"segment": "T", "pool": "", "state": "active"}),
    )
    said = wrong('[[segment]]\nname = "T"\nnetwork = "192.0.2.0/30"', stored=stored)
    assert said == ["the stored ip 192.0.2.9: 192.0.2.9 is outside its segment T, 192.0.2.0/30"]


def test_a_change_is_told_in_one_line_without_secrets():
    relay = '[[relay]]\nname = "R"\nhost = "r.jp"\nusername = "u"\npassword_env = "P"\n'
    [new] = plan(entries_of(relay, P="hush"), ())
    assert words(new) == (
        "add relay R: port 587, tls starttls, username u, password (not shown), host r.jp"
    )
    [changed] = plan(entries_of(relay + "port = 25", P="hush2"), [Entry("relay", "R", new.after)])
    assert words(changed) == ("change relay R: port 587 -> 25, password (not shown) -> (not shown)")
    assert "hush" not in repr(new)


def test_what_the_file_leaves_out_stays_and_is_named():
    [thing] = plan([], [Entry("pool", "Z", {"role": "normal"})])
    assert not thing.differs
    [said] = remarks([thing])
    assert said.startswith("not in the file and left as it is: pool Z. Removing something")


def test_a_file_does_not_bring_a_listed_ip_back():
    values = {"segment": "T", "pool": "A", "weight": 10, "helo": "", "state": "listed"}
    stored = [Entry("ip", "192.0.2.1", values)]
    text = '[[ip]]\naddress = "192.0.2.1"\nstate = '
    [kept] = plan(entries_of(text + '"active"'), stored)
    assert not kept.differs
    assert remarks([kept]) == ["ip 192.0.2.1 stays out of rotation: a blocklist has it"]
    [retired] = plan(entries_of(text + '"retired"'), stored)
    assert words(retired) == "change ip 192.0.2.1: state listed -> retired"


def test_what_is_written_reads_back_and_holds_no_secret():
    text = EXAMPLE.read_text() + '[[relay]]\nname = "R\\"\\u007f"\nhost = "r.jp"\n'
    text = text.replace('R\\"\\u007f', 'R\\"') + 'username = "u"\npassword_env = "P"\n'
    entries = outcome(plan(entries_of(text, P="hush"), ()))
    written = write(entries)
    assert "hush" not in written
    assert "# a password is stored and stays" in written
    again = plan(entries_of(written), entries)
    assert not any(thing.differs for thing in again)


def test_a_listed_ip_and_a_customer_without_a_pool_can_be_written():
    listed = Entry("ip", "192.0.2.1", {"state": "listed"})
    written = write([listed, Entry("customer", "a", {"name": "A", "pool": ""})])
    assert "# out of rotation while a blocklist has it" in written
    assert [entry.values for entry in entries_of(written)] == [{}, {"name": "A"}]


def test_the_zone_has_every_record_that_receivers_look_up():
    entries = outcome(plan(load(EXAMPLE, variables={}), ()))
    [zone] = zones(entries, intake=HIDDEN)
    lines = [str(record) for record in zone.records]
    assert "out1.mail.example.jp. IN A 192.0.2.1" in lines
    assert "1.2.0.192.in-addr.arpa. IN PTR out1.mail.example.jp." in lines
    assert "out3.mail.example.jp. IN AAAA 2001:db8:1::1" in lines
    assert any(line.startswith("1.0.0.0.") and ".ip6.arpa. IN PTR out3" in line for line in lines)
    assert (
        'bounce.mail.example.jp. IN TXT "v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 ip6:2001:db8:1::1 '
        'ip4:198.51.100.1 ip4:198.51.100.33 -all"'
    ) in lines
    assert "bounce.mail.example.jp. IN MX 10 mx.mail.example.jp." in lines
    assert any(line.startswith("_dmarc.mail.example.jp. IN TXT") for line in lines)
    assert any(line.startswith("_smtp._tls.bounce.mail.example.jp. IN TXT") for line in lines)
    assert "the key h1._domainkey.mail.example.jp is made by apply" in zone.remarks


def test_a_retired_ip_and_a_domain_without_ips_ask_for_less():
    [zone] = zones(outcome(plan(entries_of(SMALL + 'state = "retired"'), ())), intake=HIDDEN)
    lines = [str(record) for record in zone.records]
    assert 'bounce.mail.example.jp. IN TXT "v=spf1 -all"' in lines
    assert not any("192.0.2.1" in line for line in lines)


def test_an_ip_without_a_name_says_that_of_its_domain_and_a_relay_is_remembered():
    relayed = SMALL.replace('name = "A"\n', 'name = "A"\nrelay = "R"\n')
    text = relayed + '[[relay]]\nname = "R"\nhost = "r.jp"\n'
    [zone] = zones(outcome(plan(entries_of(text), ())), intake=HIDDEN)
    assert "mx.mail.example.jp. IN A 192.0.2.1" in map(str, zone.records)
    assert "pool A sends through relay R: add its hosts to SPF" in zone.remarks
    assert not any("publish its A record" in remark for remark in zone.remarks)


def test_the_way_of_bounces_to_the_intake_is_named():
    entries = outcome(plan(entries_of(SMALL), ()))
    [zone] = zones(entries, intake=HIDDEN)
    told = " / ".join(zone.remarks)
    assert "for bounce.mail.example.jp come to port 25 of mx.mail.example.jp, which has to" in told
    assert "it listens on 127.0.0.1, port 2526: forward port 25 there" in told
    assert "set INTAKE_NAME=mx.mail.example.jp" in told
    [zone] = zones(entries, intake=Intake("in.example.jp", "192.0.2.9", 25))
    told = " / ".join(zone.remarks)
    assert "bounce.mail.example.jp. IN MX 10 in.example.jp." in map(str, zone.records)
    assert "in.example.jp has none of the IPs above: publish its A record" in told
    assert not any(word in told for word in ("forward", "INTAKE_NAME"))


def test_remarks_are_in_both_languages():
    entries = outcome(plan(entries_of(SMALL), ()))
    with translation.override("ja"):
        told = zones(entries, intake=HIDDEN)[0].remarks
    assert "mx.mail.example.jp のポート25に届きます" in told[0]
    assert not any(remark.isascii() for remark in told)


def test_a_long_text_is_cut_into_strings_of_255_octets():
    value = dkim.dns_record(RSA_KEY)
    first, second = str(txt("h1._domainkey.x.jp", value)).partition(" TXT ")[2].split('" "')
    assert (len(first), len(second)) == (256, len(value) - 255 + 1)
    assert (first + second).strip('"') == value
