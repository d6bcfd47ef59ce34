"""`python -m wire.reports FILE...`: what the mails report, one JSON line for each recipient."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from wire.replies import Verdict
from wire.reports import Report, parse


def main(arguments: list[str] | None = None) -> int:
    """Print the reports of each file; 1 if one of the files cannot be read."""
    options = argparse.ArgumentParser(prog="python -m wire.reports", description=__doc__)
    options.add_argument("files", nargs="+", metavar="FILE", help="a mail, as it was received")
    unread = 0
    for name in options.parse_args(arguments).files:
        try:
            raw = Path(name).read_bytes()
        except OSError as error:
            print(f"{name}: cannot be read: {error.strerror}", file=sys.stderr)
            unread += 1
            continue
        for report in parse(raw):
            print(json.dumps({"file": name, **_fields(report)}, ensure_ascii=False))
    return 1 if unread else 0


def _fields(report: Report) -> dict[str, object]:
    """The report; a verdict of empty texts where there is none, so that readers find its keys."""
    verdict = report.verdict
    said = dict.fromkeys(Verdict._fields, "") if verdict is None else verdict._asdict()
    return {**asdict(report), "verdict": said}


if __name__ == "__main__":
    sys.exit(main())
