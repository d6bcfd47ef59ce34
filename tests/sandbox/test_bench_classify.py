"""The benchmark of the classifier: its file, its bars, and the bar that CI holds."""

import pytest

from sandbox.bench import classify
from sandbox.bench.classify import Row
from sandbox.management.commands.bench import Command
from wire.replies import Party, Permanence, Verdict

GOOD = Row(550, "5.1.1", "User unknown", "", "mailbox-unknown")
LISTED = Row(554, "", "listed at zen.spamhaus.org", "zen.spamhaus.org", "blocklist-ip")


def verdict(category: str, blamed: Party, named: str = "") -> Verdict:
    return Verdict(category, Permanence.permanent, blamed, list=named, rule="some-rule")


KNOWN = verdict("unknown-user", Party.recipient)
BLOCKED = verdict("ip-listed", Party.platform, "zen.spamhaus.org")


@pytest.mark.parametrize("row", classify.read_rows(classify.REPLIES), ids=lambda row: row.text[:60])
def test_each_row_of_the_file_is_judged_right(row: Row) -> None:
    found = row.judge()
    assert found.category in classify.CAUSES[row.cause]
    if row.cause.startswith("blocklist"):
        assert found.blamed in {Party.platform, Party.sender, Party.content}
    if row.cause == "mailbox-unknown":
        assert found.blamed is Party.recipient


def test_the_bars_are_held_on_the_file() -> None:
    result = classify.run({"rounds": 3})
    assert result.figures["rows"] == 186
    assert float(str(result.figures["accuracy"])) >= 0.98
    assert result.figures["blocklist_blamed_on_recipient"] == 0
    assert result.figures["unknown_user_blamed_on_platform"] == 0
    assert float(str(result.figures["list_named"])) >= 0.9


@pytest.mark.parametrize(
    ("verdicts", "each", "ok"),
    [
        ([KNOWN, BLOCKED], 19.9, True),
        ([KNOWN, BLOCKED], 20.0, False),
        ([KNOWN, verdict("content", Party.content)], 1.0, False),
        ([KNOWN, verdict("ip-listed", Party.recipient)], 1.0, False),
        ([verdict("unknown-user", Party.platform), BLOCKED], 1.0, False),
    ],
)
def test_each_bar_is_looked_at(verdicts: list[Verdict], each: float, ok: bool) -> None:
    assert classify.judge([GOOD, LISTED], verdicts, each).ok == ok


def test_misses_are_told_with_what_was_said() -> None:
    result = classify.judge([LISTED], [verdict("content", Party.content)], 1.0)
    assert result.lines[0] == (
        "blocklist-ip was judged content by some-rule: 554 listed at zen.spamhaus.org"
    )
    assert result.figures["list_named"] == 0.0
    assert classify.judge([GOOD], [KNOWN], 1.0).figures["list_named"] == 1.0


def test_the_command_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Command().run_from_argv(["manage.py", "bench", "classify", "--rounds", "0"])
    assert "argument --rounds: give a whole number" in capsys.readouterr().err
