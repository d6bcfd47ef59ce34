"""The policy host of the box: whose policy it hands out, and to whom it has nothing to say."""

import pytest

from sandbox.policy_host import response
from sandbox.scenario import parse
from wire.sts import Mode, Policy, read_policy

DOMAINS = parse({
    "host": [{"name": "mx.sts.example", "address": "127.0.9.1"}],
    "domain": [
        {"name": "sts.example", "mx": [[10, "mx.sts.example"]],
         "sts": {"mode": "testing", "mx": ["*.sts.example"], "max_age": 7200}},
        {"name": "plain.example", "mx": [[10, "mx.sts.example"]]},
    ],
}).domains  # fmt: skip


def test_a_domain_with_a_policy_gets_a_file_that_we_can_read():
    request = "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.sts.example\r\n\r\n"
    head, _, body = response(DOMAINS, request).decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n")
    assert read_policy(body, id="1") == Policy("1", Mode.testing, ("*.sts.example",), 7200)


@pytest.mark.parametrize(
    "request_text",
    [
        "GET / HTTP/1.1\r\nHost: mta-sts.sts.example",
        "POST /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.sts.example",
        "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.plain.example",
        "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.unknown.example",
        "GET /.well-known/mta-sts.txt HTTP/1.1",
        "",
    ],
)
def test_all_else_is_not_found(request_text):
    assert response(DOMAINS, request_text).startswith(b"HTTP/1.1 404 Not Found\r\n")
