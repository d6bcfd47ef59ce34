"""Settings that contradict each other: one table, and the sentence for each."""

import pytest

from config.agreement import disagreement

FINE = {
    "production": False,
    "base_url": "http://127.0.0.1:8000",
    "loopback_only": True,
    "dns_servers": [("127.0.0.1", 5300), ("::1", 53)],
    "lease": 30,
    "retry_limit": 72 * 3600,
    "retention_days": 90,
}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({}, ""),
        ({"dns_servers": [("192.0.2.1", 53)], "loopback_only": False}, ""),
        ({"dns_servers": [("127.0.0.1", 53), ("2001:db8::1", 53)]}, "DNS_SERVERS names 2001:db8"),
        ({"production": True}, "BASE_URL has to begin with https://"),
        ({"production": True, "base_url": "https://mail.example.jp"}, ""),
        ({"lease": 4}, "LEASE is 4 s and has to be 5 s or more"),
        ({"lease": 5}, ""),
        ({"retention_days": 9}, "RETENTION_DAYS is 9 and has to be 10 or more"),
        ({"retention_days": 10}, ""),
        ({"retention_days": 10, "retry_limit": 73 * 3600}, "RETENTION_DAYS is 10 and has to be 11"),
    ],
)
def test_what_contradicts_is_said_in_one_sentence(changed, sentence):
    said = disagreement(**FINE | changed)
    assert said.startswith(sentence)
    assert bool(said) is bool(sentence)
