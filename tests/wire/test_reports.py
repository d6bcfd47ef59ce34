"""Reports of many mailers: what `parse` makes of each sample in tests/wire/reports.

The samples are our own, on example domains, in the forms that mailers use. `expected.tsv` says
what each must give: a row for each report, in order.
"""

import csv
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from wire import tokens
from wire.reports import Kind, Report, __main__, parse

SAMPLES = Path(__file__).parent / "reports"
TOKEN = "b-" + "a" * 29 + "@bounces.shop.example"


def expectations():
    rows = defaultdict(list)
    with (SAMPLES / "expected.tsv").open(encoding="utf-8") as table:
        for name, *expected in list(csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]:
            rows[name].append(expected)
    return rows


def sample(name: str) -> list[Report]:
    return parse((SAMPLES / f"{name}.eml").read_bytes())


def one(raw: str | bytes) -> Report:
    [report] = parse(raw.encode() if isinstance(raw, str) else raw)
    return report


@pytest.mark.parametrize(
    ("name", "rows"), expectations().items(), ids=lambda value: str(value)[:40]
)
def test_each_sample_gives_its_reports(name, rows):
    reports = sample(name)
    assert [(report.kind, report.recipient, report.status) for report in reports] == [
        (kind, recipient, status) for kind, recipient, status, _, _ in rows
    ]
    for report, (_, _, _, category, words) in zip(reports, rows, strict=True):
        assert words in report.diagnostic
        assert not category or (report.verdict and report.verdict.category == category)


def test_every_sample_is_expected_to_give_something():
    assert {path.stem for path in SAMPLES.glob("*.eml")} == set(expectations())


def test_only_bounces_and_delays_are_judged():
    for name in expectations():
        for report in sample(name):
            assert (report.verdict is not None) == (report.kind in {Kind.bounce, Kind.delayed})


def test_a_report_says_all_that_is_known_of_the_letter():
    report = sample("dsn-postfix")[0]
    assert report.action == "failed"
    assert report.reporting_mta == "mx.receiver.example"
    assert report.remote_mta == "mail.receiver.example"
    assert report.original_message_id == "<1234.taro@shop.example>"
    assert report.arrival_date == "Thu, 12 Nov 2026 09:30:00 +0900"
    assert report.original_recipient == "taro@receiver.example"
    assert report.original_from == "news@shop.example"
    assert report.original_subject == "Autumn news"
    assert report.verp_token == TOKEN


def test_the_address_that_was_written_to_is_preferred_to_an_expanded_alias():
    report = sample("dsn-alias-expanded")[0]
    assert report.recipient == report.original_recipient == "taro@receiver.example"


def test_a_final_recipient_is_kept_when_only_it_is_in_the_returned_letter():
    raw = (SAMPLES / "dsn-alias-expanded.eml").read_text()
    raw = raw.replace("Original-Recipient: rfc822;taro@", "Original-Recipient: rfc822;list@")
    raw = raw.replace(
        "Final-Recipient: rfc822; t.yamada@store3.inside", "Final-Recipient: rfc822; taro@receiver"
    )
    assert one(raw).recipient == "taro@receiver.example"


def test_the_address_behind_an_expansion_is_told():
    report = one(
        "From: MAILER-DAEMON@a.example\nSubject: Returned mail\n\n"
        "   ----- The following addresses had permanent fatal errors -----\n"
        "taro@inside.example\n    (expanded from: <info@receiver.example>)\n"
    )
    assert (report.recipient, report.original_recipient) == (
        "taro@inside.example",
        "info@receiver.example",
    )


def test_a_report_in_the_notice_of_a_gateway_tells_of_the_letter_not_of_itself():
    report = sample("dsn-in-a-gateway-notice")[0]
    assert report.original_message_id == "<1234.taro@shop.example>"
    assert report.original_from == "news@shop.example"


def test_reports_within_reports_end_somewhere():
    level = b"From: MAILER-DAEMON@a.example\nContent-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
    nested = b"".join(level % (n, n) + b"Content-Type: message/rfc822\n\n" for n in range(50))
    assert one(nested).kind == Kind.other


def test_a_returned_letter_without_an_empty_line_before_it_is_read():
    raw = (SAMPLES / "exchange-5.eml").read_text()
    raw = raw.replace("Content-Type: message/rfc822\n\n", "Content-Type: message/rfc822\n")
    assert one(raw).original_message_id == "<1234.taro@shop.example>"


@pytest.mark.parametrize(
    ("status", "action"),
    [("5.1.1", "failed"), ("4.4.7", "failed"), ("2.0.0", "delivered"), ("", "failed")],
)
def test_a_status_without_action_is_read_by_its_class(status, action):
    report = one(
        "From: MAILER-DAEMON@a.example\nSubject: Undeliverable\n"
        "Content-Type: multipart/report; boundary=b\n\n"
        "--b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; a.example\n\nFinal-Recipient: rfc822; b@c.example\nStatus: {status}\n"
    )
    assert report.action == action


def test_fields_cut_apart_by_empty_lines_belong_to_one_recipient():
    report = one(
        "From: MAILER-DAEMON@a.example\nContent-Type: multipart/report; boundary=b\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a.example\n\n"
        "Final-Recipient: rfc822; b@c.example\n\nAction: failed\n\nStatus: 5.2.2\n\n"
        "Diagnostic-Code: smtp; 552 5.2.2 Mailbox full\nand folded\n--b--\n"
    )
    assert (report.recipient, report.status) == ("b@c.example", "5.2.2")
    assert report.diagnostic == "552 5.2.2 Mailbox full and folded"


def test_a_recipient_without_domain_is_found_in_the_returned_letter():
    raw = (SAMPLES / "dsn-several-recipients.eml").read_text()
    raw = raw.replace("rfc822; taro@receiver.example", "LOCAL; taro")
    assert parse(raw.encode())[0].recipient == "taro@receiver.example"


def test_an_actual_recipient_stands_in_for_a_final_one():
    report = one(
        "From: MAILER-DAEMON@a.example\nContent-Type: multipart/report; boundary=b\n\n"
        "--b\nContent-Type: message/delivery-status\n\n"
        "X-Actual-Recipient: rfc822; b@c.example\nAction: failed\nStatus: 5.1.1\n--b--\n"
    )
    assert report.recipient == "b@c.example"


def test_the_one_click_body_of_rfc_8058_asks_to_leave():
    assert one("From: b@c.example\nTo: x@d.example\n\nList-Unsubscribe=One-Click").recipient == (
        "b@c.example"
    )


@pytest.mark.parametrize(
    "body", ["no JSON", "{", '{"notificationType":"Delivery"}', "[1]", '{"a":[1]}']
)
def test_notifications_that_tell_of_no_failure_are_no_reports(body):
    assert one(f"From: a@b.example\nx-amz-sns-message-id: 1\n\n{body}").kind == Kind.other


def test_a_complaint_says_where_the_letter_came_from():
    report = sample("arf")[0]
    assert (report.feedback_type, report.source_ip) == ("abuse", "192.0.2.10")
    assert report.arrival_date == "Thu, 12 Nov 2026 09:30:00 +0900"
    assert report.original_recipient == "taro@receiver.example"
    assert sample("jmrp")[0].source_ip == "192.0.2.10"


def test_a_redacted_complaint_is_found_by_token_and_message_id():
    report = sample("arf-redacted")[0]
    assert (report.recipient, report.verp_token) == ("", TOKEN)
    assert report.original_message_id == "<1234.redacted@shop.example>"


def test_the_token_is_found_where_a_forwarder_wrapped_it():
    address = tokens.bounce_address(delivery_id=7, domain="bounces.shop.example", key=b"k" * 16)
    local = address.partition("@")[0]
    report = one(
        f"From: MAILER-DAEMON@a.example\nTo: SRS0=HHH=TT=bounces.shop.example={local}@fwd.example\n"
        "Subject: failure notice\n\n<taro@receiver.example>: 550 5.1.1 User unknown\n"
    )
    assert tokens.read_bounce_address(report.verp_token, key=b"k" * 16) == 7


def test_automatic_answers_name_who_answered_and_to_what():
    report = sample("vacation")[0]
    assert report.original_message_id == "<1234.taro@shop.example>"
    assert report.verp_token == TOKEN


def test_a_header_without_body_is_no_report():
    assert one("Subject: hello").kind == Kind.other
    assert one(b"").kind == Kind.other


def test_only_so_many_recipients_are_read_and_the_report_says_so():
    reports = parse(
        b"From: MAILER-DAEMON@a.example\nSubject: failure notice\n\n"
        + b"".join(b"<u%d@receiver.example>: 550 unknown user\n" % number for number in range(3000))
    )
    assert 500 < len(reports) <= 1000
    assert reports[0].note == "Only the first recipients were read: the report names too many."


def run(*files: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wire.reports", *files], capture_output=True, text=True, check=False
    )


def test_the_command_prints_one_json_line_for_each_report():
    name = str(SAMPLES / "dsn-several-recipients.eml")
    done = run(name, str(SAMPLES / "vacation.eml"))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [line["kind"] for line in lines] == [
        "bounce",
        "bounce",
        "delayed",
        "other",
        "auto-reply",
    ]
    assert lines[0]["file"] == name
    assert lines[0]["verdict"]["category"] == "unknown-user"
    assert lines[0]["verdict"]["blamed"] == "recipient"
    assert lines[4]["verdict"]["category"] == ""


def test_a_file_that_cannot_be_read_does_not_hide_the_others(tmp_path, capsys):
    missing = str(tmp_path / "missing.eml")
    assert __main__.main([missing, str(SAMPLES / "qmail.eml")]) == 1
    out, err = capsys.readouterr()
    assert err == f"{missing}: cannot be read: No such file or directory\n"
    assert len(out.splitlines()) == 2


def test_the_command_needs_no_framework():
    code = (
        "import sys, wire.reports.__main__\n"
        "print([name for name in ('django', 'celery', 'redis') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
