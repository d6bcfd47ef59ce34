"""Names that the platform itself would publish, for the box's DNS: a file beside its mail.

The box knows no database, so whoever runs it writes the file before it starts.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import get_args

from sandbox.scenario import BadScenario, Record, RecordType, Scenario

FILE = "records.json"


def write(directory: Path, records: Iterable[Record]) -> None:
    """For the next start of the box. TXT values are plain, without quotes."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = [[record.name, record.type, record.value] for record in records]
    (directory / FILE).write_text(json.dumps(rows, indent=1), encoding="utf-8")


def with_own_names(scenario: Scenario, directory: Path) -> Scenario:
    """The scenario and what stands in the file, if there is one. BadScenario names a bad one."""
    path = directory / FILE
    if not path.exists():
        return scenario
    try:
        records = tuple(Record(*row) for row in json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise BadScenario(f"{path}: {error}; delete it") from None
    if wrong := [r for r in records if r.type not in get_args(RecordType)]:
        raise BadScenario(f"{path}: {wrong[0].type} is no type that the box serves; delete it")
    return replace(scenario, records=(*scenario.records, *records))
