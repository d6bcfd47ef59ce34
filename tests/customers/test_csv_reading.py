"""Files as people save them: encodings, delimiters, headers, and what is said of a broken one."""

import codecs
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from customers.csv_reading import BrokenFile, Header, field_name, opened, read_header
from customers.import_rejections import Rejection
from customers.import_rows import digester, distinct
from customers.import_spill import Spill
from wire import merge

HEADER = "メールアドレス,氏名\r\n"
TEXT = HEADER + "taro@example.jp,山田　太郎\r\nhana@example.jp,鈴木 花子\r\n"
KANA = HEADER + "taro@example.jp,ﾀﾅｶ ﾀﾛｳ\r\n"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


def written(directory: Path, data: bytes) -> Path:
    path = directory / "list.csv"
    path.write_bytes(data)
    return path


def read(directory: Path, data: bytes) -> list[list[str]]:
    """All records after the header."""
    with opened(written(directory, data)) as sheet:
        return [record for _, records in sheet.blocks() for record in records]


def complaint(directory: Path, data: bytes) -> str:
    with pytest.raises(BrokenFile) as caught:
        read(directory, data)
    return str(caught.value)


@pytest.mark.parametrize(
    ("codec", "mark", "found"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", codecs.BOM_UTF8, "utf-8-sig"),
        ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16"),
        ("cp932", b"", "cp932"),
        ("euc_jp", b"", "euc_jp"),
        ("iso2022_jp", b"", "iso2022_jp_ext"),
    ],
)
def test_each_encoding_is_found(tmp_path, codec, mark, found):
    path = written(tmp_path, mark + TEXT.encode(codec))
    with opened(path) as sheet:
        assert sheet.encoding == found
        assert sheet.header == Header(0, "メールアドレス", ("氏名",))
        assert [row for _, rows in sheet.blocks() for row in rows] == [
            ["taro@example.jp", "山田　太郎"],
            ["hana@example.jp", "鈴木 花子"],
        ]


def test_plain_ascii_is_utf_8(tmp_path):
    assert read(tmp_path, b"email\na@example.jp\n") == [["a@example.jp"]]


def test_half_width_kana_and_windows_extensions_are_read(tmp_path):
    assert read(tmp_path, KANA.encode("cp932"))[0][1] == "ﾀﾅｶ ﾀﾛｳ"
    assert read(tmp_path, KANA.encode("iso2022_jp_ext"))[0][1] == "ﾀﾅｶ ﾀﾛｳ"
    extended = HEADER + "a@example.jp,①㈱髙\r\n"
    assert read(tmp_path, extended.encode("cp932"))[0][1] == "①㈱髙"


def test_windows_extensions_are_read_in_iso_2022_jp_too(tmp_path):
    data = b"email,\x1b$BL>\x1b(B\na@example.jp,\x1b$B-!-j|b;3\x1b(B\n"
    assert read(tmp_path, data)[0][1] == "①㈱髙山"


@pytest.mark.parametrize("tail", [b"\x1b$B)!\x1b(B", b"\x1b$B-", b"\x1b$X-!"])
def test_broken_iso_2022_jp_is_refused(tmp_path, tail):
    words = complaint(tmp_path, b"email,x\na@example.jp," + tail)
    assert "as ISO-2022-JP, byte 2" in words
    assert "in line 2 cannot be read" in words


def test_the_end_of_a_long_file_counts_as_much_as_its_beginning(tmp_path):
    ascii_part = b"email,name\n" + b"a@example.jp,abcdefgh\n" * 100_000  # more than two blocks
    data = ascii_part + "b@example.jp,髙橋\n".encode("cp932")
    assert read(tmp_path, data)[-1][1] == "髙橋"


def test_a_file_of_no_encoding_is_refused_with_the_place(tmp_path):
    data = "email,氏名\na@example.jp,山\nb@example.jp,".encode() + b"\xff\xff\n"
    words = complaint(tmp_path, data)
    assert f"byte {data.index(0xFF) + 1} in line 3 cannot be read" in words
    assert "Save the file as CSV in UTF-8" in words


def test_bytes_that_windows_does_not_define_are_no_shift_jis(tmp_path):
    words = complaint(tmp_path, "氏名,email\n".encode("cp932") + b"\xfd\xfe,a@example.jp\n")
    assert "as Shift_JIS, byte 12 in line 2 cannot be read" in words


def test_a_multibyte_character_cut_off_at_the_end_is_refused(tmp_path):
    words = complaint(tmp_path, "email,氏名\na@example.jp,山".encode()[:-1])
    assert "as UTF-8, byte 27 in line 2 cannot be read" in words


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_delimiters_and_line_ends_are_recognised(tmp_path, delimiter, ending):
    rows = [["email", "a,b"], ["a@example.jp", "1"]]
    quoted = [delimiter.join(f'"{cell}"' for cell in row) for row in rows]
    assert read(tmp_path, ending.join(quoted).encode()) == [["a@example.jp", "1"]]


def test_quotes_hold_delimiters_line_ends_and_quotes(tmp_path):
    data = 'email,memo\na@example.jp,"1行目\r\n2行目, ""太郎"" 様"\nb@example.jp,x\n'
    assert read(tmp_path, data.encode())[0][1] == '1行目\r\n2行目, "太郎" 様'


def test_row_numbers_count_records_and_empty_lines(tmp_path):
    path = written(tmp_path, b'email,memo\n\na@example.jp,"1\n2"\nb@example.jp,x\n')
    with opened(path) as sheet:
        rows = [
            (row, cells) for first, rows in sheet.blocks() for row, cells in enumerate(rows, first)
        ]
    assert [(row, cells[:1]) for row, cells in rows] == [
        (2, []), (3, ["a@example.jp"]), (4, ["b@example.jp"])
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\r\nemail\r\n", "Row 1 is empty"),
        (b"name,phone\n", "Row 1 names no address column: call it “email”."),
        (b"name,phone\n", "The columns are: “name”, “phone”"),
        (",".join(["email", *(f"c{n}" for n in range(50))]).encode(), "has 51 columns"),
        ("email,氏名,氏名 \n".encode(), "Row 1, column 3: “氏名” is the name of column 2 too"),
        (b"email,\n", "Row 1, column 2: “” is no name"),
        (b"email," + b"x" * 61, "has 61 characters of at most 60"),
        (b'email,memo\na@b.example,1\nb@b.example,"x\n', "Row 3: a quoted cell"),
        (b'email,memo\na@b.example,"x"y\n', "Row 2: after a cell in quotes comes text"),
        (b'email,memo\na@b.example,"' + b"x\n" * 70_000, "Row 2: one cell holds more than 131,072"),
        (b"email,memo\na@b.example,x\0y\n", "Row 2, column 2: there is a NUL character"),
        (b"email,memo\n" + b"x" * 140_000 + b"\0", "Row 2, column 1: there is a NUL character"),
        ("\ufeffemail,x\na@b.example,\0".encode("utf-16"), "Row 2, column 2: there is a NUL"),
    ],
)
def test_a_broken_file_is_refused_with_row_and_column(tmp_path, data, words):
    assert words in complaint(tmp_path, data)


@pytest.mark.parametrize(
    "name", ["email", "E-Mail", "mail", "メール", "Ｅメール", "アドレス", "Mail Address", "address"]
)
def test_the_address_column_is_found_by_its_name(name):
    assert read_header(["氏名", name]).address_index == 1


def test_the_surest_name_wins():
    assert read_header(["Address", "E-mail"]).address_index == 1


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        (" 氏名 ", "氏名"),
        ("氏名（漢字）", "氏名_漢字"),
        ("first name", "first_name"),
        ("カ\u3099", "ガ"),
        ("नाम की", "नाम_की"),
        ("|{}%", ""),
    ],
)
def test_headers_become_names_that_mailings_can_use(cell, name):
    assert field_name(cell) == name
    assert not name or merge.compile(f"{{{{ {name} }}}}").fields == {name}


def test_a_row_becomes_a_line_for_copy():
    digest = digester(Header(0, "email", ("名", "memo")))
    line = digest(7, ["Taro@Example.JP", "太郎　様", 'a"b\\c\nd'])
    assert isinstance(line, str)
    assert next(distinct([line.encode()], lambda *_: None)).decode().split("\t") == [
        "taro@example.jp", "Taro@example.jp", "example.jp",
        '{"名": "太郎　様", "memo": "a\\\\"b\\\\\\\\c\\\\nd"}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "rejection"),
    [
        (["a@example.jp"], Rejection(2, "", "a@example.jp", "cells")),
        (["a@example.jp", "x", "y"], Rejection(2, "", "a@example.jp,x,y", "cells")),
        (["", "x"], Rejection(2, "email", "", "empty")),
        (["a.@example.jp", "x"], Rejection(2, "email", "a.@example.jp", "dots")),
        (["a@b@c.jp", "x"], Rejection(2, "email", "a@b@c.jp", "bad-local-part")),
        (["a@example.jp", "x" * 2001], Rejection(2, "名", "x" * 500, "value-too-long")),
    ],
)
def test_a_bad_row_is_rejected_with_a_reason(cells, rejection):
    assert digester(Header(0, "email", ("名",)))(2, cells) == rejection


def test_a_value_of_2000_characters_is_taken():
    assert isinstance(digester(Header(0, "email", ("名",)))(2, ["a@example.jp", "x" * 2000]), str)


def test_of_equal_keys_the_first_row_stays(tmp_path):
    digest = digester(Header(0, "email", ()))
    lines = [digest(row, [text]) for row, text in ((9, "A@x.jp"), (10, "a@X.jp"), (2, "b@x.jp"))]
    refused: list[tuple[int, str]] = []
    with Spill(tmp_path, run_lines=1) as spill:
        for line in lines:
            spill.add([str(line)])
        kept = list(distinct(spill.merged(), lambda *found: refused.append(found)))
    assert [line.split(b"\t")[:2] for line in kept] == [[b"a@x.jp", b"A@x.jp"], [b"b@x.jp"] * 2]
    assert refused == [(10, "a@x.jp")]


def test_a_spill_sorts_runs_longer_than_its_blocks(tmp_path):
    lines = [f"{number * 7919 % 30_000:05}{'あ' * 10}" for number in range(30_000)]
    with Spill(tmp_path, run_lines=10_000) as spill:
        for start in range(0, 30_000, 7_000):
            spill.add(lines[start : start + 7_000])
        assert list(spill.merged()) == [line.encode() for line in sorted(lines)]
    assert list(tmp_path.iterdir()) == []
