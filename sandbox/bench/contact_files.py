"""Made-up files of contacts for measuring an import: seeded, Japanese, with known faults.

All names and addresses are invented; the domains are reserved for examples (RFC 2606).
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HEADER: Final = ("メールアドレス", "氏名", "都道府県", "会員番号")
DUPLICATES: Final = 0.01  # share of the rows
FAULTY: Final = 0.005

# fmt: off
_FAMILY: Final = (
    "佐藤", "鈴木", "髙橋", "田中", "伊藤", "渡邊", "山本", "中村", "小林", "加藤", "吉田", "山田",
)
_GIVEN: Final = ("翔", "蓮", "葵", "結衣", "さくら", "大輔", "健太", "陽菜", "美咲", "直樹")
_PLACES: Final = ("東京都", "大阪府", "北海道", "神奈川県", "福岡県", "愛知県", "沖縄県")
_SYLLABLES: Final = (
    "ka", "ki", "ku", "sa", "shi", "su", "ta", "chi", "na", "ni", "mi", "mo", "yu", "ya", "ra",
)
# fmt: on
_DOMAINS: Final = ("example.jp", "example.com", "mail.example.net", "web.example.co.jp")
_BAD: Final = ("{0}", "{0}@", "{0}@localhost", "{0}..x@example.jp", "{0} x@example.jp", "")

Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a right import finds in the file."""

    rows: int
    distinct: int
    duplicates: int
    rejected: int


def write(path: Path, *, distinct: Path, rows: int, seed: int) -> Expected:
    """Write `path`, and to `distinct` only its good rows, each address once."""
    counts = {"good": 0, "duplicate": 0, "bad": 0}
    with (
        path.open("w", encoding="utf-8", newline="") as all_file,
        distinct.open("w", encoding="utf-8", newline="") as good_file,
    ):
        every, good = csv.writer(all_file), csv.writer(good_file)
        every.writerow(HEADER)
        good.writerow(HEADER)
        for kind, row in _rows(rows, random.Random(seed)):  # noqa: S311  the same file each time
            counts[kind] += 1
            every.writerow(row)
            if kind == "good":
                good.writerow(row)
    return Expected(rows, counts["good"], counts["duplicate"], counts["bad"])


def _rows(count: int, chance: random.Random) -> Iterator[tuple[str, Row]]:
    recent = [_row(0, chance)]
    yield "good", recent[0]
    for number in range(1, count):
        luck = chance.random()
        if luck < DUPLICATES:
            local, _, domain = chance.choice(recent)[0].partition("@")
            yield "duplicate", (f"{local.title()}@{domain.upper()}", *_words(number, chance))
        elif luck < DUPLICATES + FAULTY:
            text = chance.choice(_BAD).format(f"bad{number}")
            yield "bad", (text, *_words(number, chance))
        else:
            row = _row(number, chance)
            recent.append(row)
            del recent[:-100]
            yield "good", row


def _row(number: int, chance: random.Random) -> Row:
    """The number makes the address unique, the syllables before it put it anywhere in the order."""
    first, second, third = chance.choices(_SYLLABLES, k=3)
    address = f"{first}{second}{third}.{number:x}@{chance.choice(_DOMAINS)}"
    return (address, *_words(number, chance))


def _words(number: int, chance: random.Random) -> tuple[str, str, str]:
    name = f"{chance.choice(_FAMILY)}\u3000{chance.choice(_GIVEN)}"
    if number % 500 == 0:
        name = f'{name} "様", 他'
    return name, chance.choice(_PLACES), f"M{number:08d}"
