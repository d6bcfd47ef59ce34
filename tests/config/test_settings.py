"""The settings file as a process meets it: from the environment, all at once."""

import os
import subprocess
import sys

import pytest

from config import embedded

PRODUCTION = {
    "HATOBIN_ENV": "production",
    "SECRET_KEY": "x" * 20 + "0123456789abcdefghijklmnopqrstuvwxyz",
    "FIELD_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "DATABASE_URL": "postgresql://hatobin:secret@db/hatobin",
    "REDIS_URL": "redis://cache:6379/0",
    "ALLOWED_HOSTS": "mail.example.jp",
    "BASE_URL": "https://mail.example.jp",
    "LOOPBACK_ONLY": "",
}


def manage(*words, **variables):
    environment = {"PATH": os.environ["PATH"], "VAR_DIRECTORY": os.environ["VAR_DIRECTORY"]}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=embedded.BASE_DIR,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def shown(names, **variables) -> list[str]:
    code = f"from config import settings as s; print(*({names}), sep='\\n')"
    environment = {"VAR_DIRECTORY": os.environ["VAR_DIRECTORY"]} | variables
    command = [sys.executable, "-c", code]
    result = subprocess.run(
        command, cwd=embedded.BASE_DIR, env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout.splitlines()


@pytest.mark.scenario
def test_production_settings_pass_djangos_deployment_check():
    result = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert result.returncode == 0, result.stderr


BAD = [
    ({"WEB_PORT": "eighty"}, "WEB_PORT='eighty' cannot be used"),
    ({"DATABASE_URL": "mysql://u:hush@h/d"}, "DATABASE_URL cannot be used"),
    ({"DATABASE_URL": "postgresql://h:port/d"}, "DATABASE_URL cannot be used"),
    ({"REDIS_URL": "memcached://hush"}, "REDIS_URL cannot be used"),
    (PRODUCTION | {"SECRET_KEY": ""}, "SECRET_KEY is not set"),
    (PRODUCTION | {"FIELD_KEY": ""}, "FIELD_KEY is not set"),
    (PRODUCTION | {"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is not set"),
    ({"SECRET_KEY": "hush"}, "SECRET_KEY cannot be used: a key of 4 characters"),
    ({"SECRET_KEY_FALLBACKS": "hush"}, "SECRET_KEY_FALLBACKS cannot be used"),
    ({"DNS_SERVERS": "192.0.2.53:53"}, "DNS_SERVERS names 192.0.2.53, which is outside"),
    ({"LEASE": "4s"}, "LEASE is 4 s and has to be 5 s or more"),
    (PRODUCTION | {"BASE_URL": ""}, "BASE_URL is not set"),
    (PRODUCTION | {"BASE_URL": "http://mail.example.jp"}, "BASE_URL has to begin with https://"),
    (PRODUCTION | {"DEBUG": "true"}, "DEBUG=true cannot be used with HATOBIN_ENV=production"),
]


@pytest.mark.scenario
@pytest.mark.parametrize(("variables", "sentence"), BAD)
def test_a_bad_value_stops_the_start_with_one_sentence(variables, sentence):
    result = manage("check", **variables)
    assert result.returncode == 2
    assert result.stderr.startswith(f"hatobin: {sentence}")
    assert result.stderr.count("\n") == 1
    assert "hush" not in result.stderr


@pytest.mark.scenario
def test_only_production_leaves_the_machine():
    names = "s.LOOPBACK_ONLY, s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_SECURE, s.BASE_URL"
    assert shown(names) == ["True", "False", "False", "http://127.0.0.1:8000"]
    assert shown(names, **PRODUCTION) == ["False", "True", "True", "https://mail.example.jp"]


@pytest.mark.scenario
def test_development_leaves_the_machine_only_when_told_to():
    names = "s.LOOPBACK_ONLY, s.DNS_SERVERS, s.SMTP_PORT"
    told = shown(names, LOOPBACK_ONLY="false", DNS_SERVERS="192.0.2.53:53")
    assert told == ["False", "[('192.0.2.53', 53)]", "25"]


@pytest.mark.scenario
def test_the_forwarded_protocol_is_believed_only_behind_a_proxy():
    names = "hasattr(s, 'SECURE_PROXY_SSL_HEADER'), 'pool' in str(s.DATABASES)"
    assert shown(names) == ["False", "True"]
    assert shown(names, BEHIND_PROXY="true", DATABASE_POOL="0") == ["True", "False"]
