import stat
import threading

import pytest
from cryptography.fernet import Fernet

from config.environment import BadSetting, Environment, broker_address


def env(**variables):
    return Environment(variables)


@pytest.mark.parametrize(
    ("word", "value"), [("", True), ("yes", True), ("1", True), ("False", False), (" off ", False)]
)
def test_a_boolean_has_several_words(word, value):
    assert env(FLAG=word).boolean("FLAG", default=True) is value


@pytest.mark.parametrize(("word", "value"), [("", 5), ("0", 0), ("12", 12)])
def test_an_integer_is_a_whole_number(word, value):
    assert env(N=word).integer("N", 5, maximum=12) == value


def test_a_list_is_separated_by_commas():
    assert env(HOSTS=" a, b ,,").items("HOSTS") == ["a", "b"]
    assert env(HOSTS="").items("HOSTS", ["x"]) == ["x"]


def test_endpoints_are_hosts_with_ports():
    found = env(DNS="127.0.0.1:5300, [::1]:53").endpoints("DNS")
    assert found == [("127.0.0.1", 5300), ("::1", 53)]
    assert env().endpoints("DNS") == []


BAD = [
    (lambda e: e.boolean("X", default=True), "maybe", "true or false"),
    (lambda e: e.integer("X", 1), "-1", "a whole number from 0"),
    (lambda e: e.integer("X", 1), "1.5", "a whole number from 0"),
    (lambda e: e.integer("X", 1), "\uff11", "a whole number from 0"),
    (lambda e: e.integer("X", 1, maximum=9), "10", "a whole number from 0 to 9"),
    (lambda e: e.choice("X", "a", choices=("a", "b")), "c", "one of a, b"),
    (lambda e: e.endpoints("X"), "127.0.0.1", "IP:port"),
    (lambda e: e.endpoints("X"), "127.0.0.1:99999", "IP:port"),
    (lambda e: e.endpoints("X"), "[::1", "IP:port"),
    (lambda e: e.endpoints("X"), "127.0.0.1:53/", "IP:port"),
    (lambda e: e.endpoints("X"), "dns.example:53", "a name would have to be looked up"),
]


@pytest.mark.parametrize(("read", "word", "expected"), BAD)
def test_a_bad_value_is_one_sentence_with_name_value_and_expectation(read, word, expected):
    with pytest.raises(BadSetting) as caught:
        read(env(X=word))
    sentence = str(caught.value)
    assert sentence.startswith(f"X={word!r} cannot be used: expected ")
    assert expected in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "word",
    ["ftp://x", "nonsense", "http://h:bad/", "http://[half", "https:///path", "http://u:p@h",
     "https://h/?q"],
)  # fmt: skip
def test_a_bad_address_is_refused_without_showing_it(word):
    with pytest.raises(BadSetting) as caught:
        env(URL=word).address("URL", "", schemes=("http", "https"))
    assert word not in str(caught.value)
    assert "http:// or https://" in str(caught.value)


def test_an_address_that_is_not_set_says_so():
    with pytest.raises(BadSetting, match="URL is not set: expected an address such as https://"):
        env().address("URL", "", schemes=("http", "https"))


def test_keys_that_sign_are_long_and_never_shown():
    strong = "0123456789abcdef0123456789abcdef"
    env().require_strong("SECRET_KEY", [strong])
    with pytest.raises(BadSetting) as caught:
        env().require_strong("SECRET_KEY", [strong, "hush-hush"])
    assert "SECRET_KEY cannot be used: a key of 9 characters" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_several_secrets_are_separated_by_commas(tmp_path):
    path = tmp_path / "old"
    path.write_text("first, second,\n")
    assert env(OLD_FILE=str(path)).secrets("OLD") == ["first", "second"]
    assert env().secrets("OLD") == []


def test_an_address_is_kept_as_written():
    assert env(URL="http://h:8000").address("URL", "", schemes=("http",)) == "http://h:8000"


def test_a_secret_may_stand_in_a_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("hush\n")
    assert env(KEY_FILE=str(path), KEY="other").secret("KEY") == "hush"
    assert env(KEY="direct").secret("KEY") == "direct"
    assert env().secret("KEY") == ""


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", None])
def test_a_secret_file_that_cannot_be_used_is_named(tmp_path, content):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSetting, match=r"KEY_FILE=.*secret"):
        env(KEY_FILE=str(path)).secret("KEY")


def test_a_kept_secret_is_made_once_and_private(tmp_path):
    path = tmp_path / "var" / "secret_key"
    made = env().kept_secret("KEY", path=path, make=lambda: "first")
    again = env().kept_secret("KEY", path=path, make=lambda: "second")
    assert (made, again) == ("first", "first")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert env(KEY="given").kept_secret("KEY", path=path, make=lambda: "x") == "given"


def test_processes_that_start_at_once_agree_on_the_kept_secret(tmp_path):
    barrier, found = threading.Barrier(8), []

    def start(number):
        barrier.wait()
        read = env().kept_secret("KEY", path=tmp_path / "key", make=lambda: f"made by {number}")
        found.append(read)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_secret_that_cannot_be_kept_says_where_and_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "secret_key"
    with pytest.raises(BadSetting, match=r"KEY is not set and .*secret_key.*, or set KEY\."):
        env().kept_secret("KEY", path=path, make=lambda: "x")


def test_field_keys_are_checked_and_never_shown():
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    assert env().field_keys(f"{first}, {second}") == [first, second]
    with pytest.raises(BadSetting) as caught:
        env().field_keys(f"{first},secret-but-short")
    assert "secret-but-short" not in str(caught.value)


@pytest.mark.parametrize(
    ("redis_url", "broker"),
    [
        ("redis://h:6379/2", "redis://h:6379/2"),
        ("unix:///run/v.sock", "redis+socket:///run/v.sock?virtual_host=0"),
        ("unix:///run/v.sock?db=3", "redis+socket:///run/v.sock?virtual_host=3"),
    ],
)
def test_the_broker_address_is_written_celerys_way(redis_url, broker):
    assert broker_address(redis_url) == broker
