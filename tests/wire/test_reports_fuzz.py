"""`parse` raises on nothing. REPORTS_FUZZ=200000 in the environment makes a longer run."""

import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wire.reports import Report, parse

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "reports").glob("*.eml"))]
EXAMPLES = int(os.environ.get("REPORTS_FUZZ", "300"))
# Pieces on which readers of mail have stumbled.
TRAPS = [
    b"\r", b"\n\n", b"\x00", b"\x1b$B", b"\xff\xfe", b"=?utf-8?b?", b"=?x?q??=", b"@", b"<>", b"--",
    b": ", b"charset=punycode\n", b"charset=utf-16\n", b"charset=hz\n", b"\\x{110000}", b'{"a":[',
    b"Content-Transfer-Encoding: base64\n", b"Content-Type: message/rfc822\n\n",
    b"Content-Type: multipart/report; boundary=\n\n", b"Final-Recipient: ", b"Feedback-Type: \n",
]  # fmt: skip

fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def check(raw: bytes) -> None:
    reports = parse(raw)
    assert reports
    for report in reports:
        assert isinstance(report, Report)
        # No lone surrogates: what is stored or printed can be written as UTF-8.
        assert repr(report).encode("utf-8")
        assert len(report.recipient) <= 400
        assert len(report.diagnostic) <= 2000


@fuzzed
@given(st.binary(max_size=2000))
def test_any_octets_give_a_report(raw):
    check(raw)


@fuzzed
@given(st.text(max_size=1000))
def test_any_text_gives_a_report(text):
    check(text.encode("utf-8", "surrogatepass"))


@st.composite
def mutated(draw) -> bytes:
    """A sample with pieces cut out, doubled, taken from other samples, or replaced by traps."""
    raw = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.sampled_from([0, 1, 5, 40, 400])))
        other = draw(st.sampled_from(SAMPLES))
        piece = draw(
            st.one_of(
                st.just(b""),
                st.sampled_from(TRAPS),
                st.binary(max_size=8),
                st.just(bytes(raw[start:end]) * 2),
                st.just(other[start : start + 300]),
            )
        )
        raw[start:end] = piece
    return bytes(raw)


@fuzzed
@given(mutated())
def test_a_damaged_report_still_gives_a_report(raw):
    check(raw)
