"""10,000 invented recipients at the sandbox's domains, as the files a customer would upload."""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass

FAMILY = ("佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤")
GIVEN = ("花子", "太郎", "陽菜", "蓮", "葵", "湊", "結衣", "翔", "さくら", "大和", "美咲", "健")
PREFECTURES = ("東京都", "大阪府", "愛知県", "北海道", "福岡県", "宮城県", "広島県", "京都府")

# Shares of a Japanese consumer list, roughly; the last ones are there to give every outcome.
DOMAINS = {
    "gmail-like.example": 300,
    "docomo-like.example": 200,
    "yahoo-like.example": 150,
    "au-like.example": 110,
    "softbank-like.example": 80,
    "corporate.example": 90,
    "hosted-at-gmail-like.example": 40,
    "implicit.example": 6,
    "日本語.example": 5,
    "broken-tls.example": 5,
    "refusing.example": 4,
    "blocking.example": 2,
    "dropping.example": 2,
    "null-mx.example": 2,
    "servfail.example": 1,
    "slow.example": 1,
    "late-bounce.example": 4,
}
# In a thousand recipients: gone, full, filtered.
UNKNOWN, FULL, FILTERED = 12, 3, 4


@dataclass(frozen=True, slots=True)
class File:
    """One upload: the octets and what they are called."""

    name: str
    data: bytes


def recipients(count: int, *, seed: int) -> Iterator[tuple[str, str, str]]:
    """(address, name, prefecture), no address twice."""
    chance = random.Random(seed)  # noqa: S311 - invented people, the same at every run
    domains, weights = list(DOMAINS), list(DOMAINS.values())
    for number in range(count):
        domain = chance.choices(domains, weights)[0]
        name = f"{chance.choice(FAMILY)} {chance.choice(GIVEN)}"
        yield _local(chance, number, domain) + "@" + domain, name, chance.choice(PREFECTURES)


def _local(chance: random.Random, number: int, domain: str) -> str:
    draw = chance.randrange(1000)
    if draw < UNKNOWN:
        return f"unknown-{number}"
    if draw < UNKNOWN + FULL:
        return f"full-{number}"
    if draw < UNKNOWN + FULL + FILTERED and domain.startswith(("docomo", "au-")):
        return f"filtered-{number}"
    return f"user{number}.{chance.choice('abcdefgh')}"


def upload(
    name: str, rows: Iterator[tuple[str, str, str]], *, encoding: str, extra: str = ""
) -> File:
    """A CSV file as a spreadsheet would write it; `extra` lines are appended as they are."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["メールアドレス", "お名前", "都道府県"])
    writer.writerows(rows)
    return File(name, (out.getvalue() + extra).encode(encoding))


# Addresses that carriers gave out before 2009, against RFC 5321; they must be imported and sent.
DOTTED = "\r\n".join(
    f"{local}@{domain},携帯 太郎,東京都"
    for domain in ("docomo.ne.jp", "ezweb.ne.jp", "au.com")
    for local in ("hanako..demo", "taro.demo.", "a...b.demo")
)
# What a real file always holds too: rows that cannot be used, each for its reason.
BROKEN = """\
no-at-sign.example,宛先 なし,東京都
two@@signs.example,記号 二つ,東京都
dots..in@gmail-like.example,点 続き,東京都
space in@local.example,空白 入り,東京都
too,many,cells,in,this,row
user0.a@gmail-like.example,重複 一,東京都
user0.a@gmail-like.example,重複 二,東京都
"""
