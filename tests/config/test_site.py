"""What the house itself serves: health, closed sign-up, security headers."""

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection

pytestmark = pytest.mark.django_db


def test_health_is_good_while_database_and_redis_answer(client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"database": True, "redis": True}


def test_health_names_what_does_not_answer(client, settings, monkeypatch):
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "unix:///nowhere/valkey.sock"}
    }
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["redis"] is False


def test_nobody_can_sign_up_by_himself(client):
    client.post(
        "/accounts/signup/",
        {
            "email": "eve@example.jp",
            "password1": "long-enough-word",
            "password2": "long-enough-word",
        },
    )
    assert get_user_model().objects.count() == 0


def test_every_answer_forbids_foreign_scripts_and_frames(client):
    headers = client.get("/healthz").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"


def test_the_cache_lives_in_this_workers_own_database(valkey):
    cache.set("mine", 1)
    assert [key for key in valkey.scan_iter() if b"mine" in key] == [b"hatobin:1:mine"]
