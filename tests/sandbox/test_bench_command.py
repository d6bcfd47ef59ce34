"""`manage.py bench`: what it says of mistakes, and of a bar that was missed."""

import pytest

from sandbox.bench.result import Result
from sandbox.management.commands.bench import Command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: NAME"),
        (["nonsense"], "argument NAME: invalid choice: 'nonsense'"),
        (["delivery", "--count", "many"], "argument --count: invalid int value: 'many'"),
        (["delivery", "--count", "0"], "argument --count: give a whole number of at least 1."),
        (["delivery", "--bad"], "unrecognized arguments: --bad"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "bench", *arguments])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.err.startswith(f"bench: {words}")
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_a_bar_that_was_missed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Command().show(Result({"per_second": 1}, ok=False, lines=["1/s"]), {"bench": "delivery"})
    assert "The bar of bench delivery was missed: see above." in capsys.readouterr().err
