"""The shapes by which replies that nobody knows are grouped."""

import time

import pytest

from wire.replies import shape


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("5.1.1 <ann@example.com>: gone since 2024", "5.1.1 <ADDRESS>: gone since N"),
        (
            "Client [203.0.113.7] is odd, see https://a.example/x?y=1.",
            "Client [IP] is odd, see URL",
        ),
        ("[2001:db8::7] mx1.mail.example.com said no", "[IP] HOST said no"),
        ("queue id 4XkzL93Tq1z2 refused", "queue id ID refused"),
        ("one\n550-5.7.1 two\r\n550 three", "one two three"),
        ("", ""),
    ],
)
def test_what_differs_each_time_is_left_out(text: str, wanted: str) -> None:
    assert shape(text) == wanted


def test_two_replies_of_one_kind_have_one_shape() -> None:
    first = shape("4.7.1 host mx7.example.net: 203.0.113.7 odd (id=1a2b3c4d5e) for a@x.example")
    second = shape("4.7.1 host mx9.example.org: 198.51.100.9 odd (id=99ffee7a0b) for bob@y.example")
    assert first == second


@pytest.mark.parametrize("unit", ["a", "1", "a.", "a@", ":", "<", "a1-", "http://", " ", "\n"])
def test_shapes_are_short_and_quick(unit: str) -> None:
    begun = time.process_time()
    assert len(shape(unit * 100_000)) <= 300
    assert time.process_time() - begun < 0.2
