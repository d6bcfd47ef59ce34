"""How well and how fast the shipped rules judge replies that receivers have said."""

import csv
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.core.management.base import CommandParser

from sandbox.bench.result import Result
from wire.outcomes import Phase
from wire.replies import Party, Verdict, classify

REPLIES: Final = Path(__file__).parent.parent / "replies.tsv"
ACCURACY: Final = 0.98
MICROSECONDS: Final = 20.0

# The causes of the file, and the categories that are right for each. A file of causes is coarser
# in some places (one word for reputation) and names what no reply category is for (other: the
# receiver's own trouble).
CAUSES: Final[Mapping[str, frozenset[str]]] = {
    "blocklist-ip": frozenset({"ip-listed"}),
    "blocklist-domain": frozenset({"domain-listed", "url-listed", "domain-reputation"}),
    "reputation": frozenset({"ip-reputation", "domain-reputation"}),
    "rate-limit": frozenset({"rate-limit"}),
    "greylist": frozenset({"greylist"}),
    "policy-content": frozenset({"content", "recipient-policy"}),
    "auth": frozenset({"authentication"}),
    "mailbox-unknown": frozenset({"unknown-user", "mailbox-disabled"}),
    "mailbox-full": frozenset({"mailbox-full"}),
    "other": frozenset({"network"}),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file; `cause` is a key of CAUSES, `list` "" where none is named."""

    code: int
    enhanced: str
    text: str
    list: str
    cause: str

    def judge(self) -> Verdict:
        """At RCPT, where most refusals are said; the file does not tell the phase."""
        return classify(Phase.rcpt, self.code, self.enhanced, self.text)


def add_arguments(parser: CommandParser) -> None:
    """A fixed file, so that figures can be compared; only the measuring can be drawn out."""
    parser.add_argument("--rounds", type=int, default=100, help="of which the fastest counts")


def run(options: Mapping[str, int]) -> Result:
    """Judge every row, then once more for the time."""
    rows = read_rows(REPLIES)
    return judge(rows, [row.judge() for row in rows], microseconds(rows, options["rounds"]))


def read_rows(path: Path) -> list[Row]:
    """Lines that begin with # are comments, "-" stands for nothing."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        tables = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Row(
                int(table["code"]),
                table["enhanced"].removeprefix("-"),
                table["text"],
                table["list"].removeprefix("-"),
                table["cause"],
            )
            for table in tables
        ]


def microseconds(rows: Sequence[Row], rounds: int) -> float:
    """Of the processor, for one reply: the mean over all rows in the fastest round."""
    return min(_one_round(rows) for _ in range(rounds)) * 1e6 / len(rows)


def _one_round(rows: Iterable[Row]) -> float:
    begun = time.process_time()
    for row in rows:
        row.judge()
    return time.process_time() - begun


def judge(rows: Sequence[Row], verdicts: Sequence[Verdict], each: float) -> Result:
    """Held are: accuracy, no listing blamed on the recipient, no unknown user on us, the time."""
    pairs = list(zip(rows, verdicts, strict=True))
    misses = [told(row, verdict) for row, verdict in pairs if not is_right(row, verdict)]
    figures = {
        "rows": len(rows),
        "accuracy": round(1 - len(misses) / len(rows), 4),
        "blocklist_blamed_on_recipient": blamed(pairs, "blocklist-", Party.recipient),
        "unknown_user_blamed_on_platform": blamed(pairs, "mailbox-unknown", Party.platform),
        "list_named": round(_share_of_lists(pairs), 4),
        "microseconds": round(each, 2),
        "misses": misses,
    }
    ok = (
        len(misses) <= (1 - ACCURACY) * len(rows)
        and not figures["blocklist_blamed_on_recipient"]
        and not figures["unknown_user_blamed_on_platform"]
        and each < MICROSECONDS
    )
    return Result(figures, ok=ok, lines=[*misses, *_summary(figures)])


def is_right(row: Row, verdict: Verdict) -> bool:
    return verdict.category in CAUSES[row.cause]


def told(row: Row, verdict: Verdict) -> str:
    """A miss, for people."""
    reply = " ".join(filter(None, [str(row.code), row.enhanced, row.text]))
    return f"{row.cause} was judged {verdict.category} by {verdict.rule or 'no rule'}: {reply}"


def blamed(pairs: Iterable[tuple[Row, Verdict]], cause: str, party: Party) -> int:
    """How many rows of the causes that begin so are blamed on this party."""
    return sum(row.cause.startswith(cause) and verdict.blamed is party for row, verdict in pairs)


def _share_of_lists(pairs: Iterable[tuple[Row, Verdict]]) -> float:
    """Of the rows that name a list, how many verdicts name the same one."""
    named = [(row.list, verdict.list) for row, verdict in pairs if row.list]
    return sum(wanted == found for wanted, found in named) / len(named) if named else 1.0


def _summary(figures: Mapping[str, object]) -> list[str]:
    return [f"{name}: {value}" for name, value in figures.items() if name != "misses"]
