"""The store: what is appended is read back, octet by octet, whatever happened to the process."""

from datetime import UTC, datetime

import pytest

from sandbox.store import INDEX, Store, raw, read

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
MESSAGE = b"Subject: x\r\nMessage-ID:\r\n <1@shop.example>\r\n\r\nHello \xff\r\n"


def append(store, content=MESSAGE, **changes):
    given = {
        "at": AT,
        "host": "mx.shop.example",
        "address": "127.0.9.1",
        "peer": "127.0.1.5",
        "helo": "mta.example",
        "tls": "TLSv1.3",
        "mail_from": "",
        "recipients": ("鳩@shop.example",),
    }
    return store.append(content, **{**given, **changes})


def test_what_is_taken_is_read_back(tmp_path):
    with Store(tmp_path) as store:
        stored = [append(store), append(store, b"x\r\n"), append(store, host="other.example")]
    assert list(read(tmp_path)) == stored
    assert [raw(one) for one in stored] == [MESSAGE, b"x\r\n", MESSAGE]
    assert [(one.offset, one.size) for one in stored] == [(0, 55), (55, 3), (0, 55)]
    assert [one.message_id for one in stored] == ["<1@shop.example>", "", "<1@shop.example>"]


def test_it_can_be_read_while_it_is_open(tmp_path):
    with Store(tmp_path) as store:
        append(store)
        assert [raw(one) for one in read(tmp_path)] == [MESSAGE]


def test_a_new_run_goes_on_where_the_last_one_ended(tmp_path):
    for content in (b"one\r\n", b"two\r\n"):
        with Store(tmp_path) as store:
            append(store, content)
    assert [raw(one) for one in read(tmp_path)] == [b"one\r\n", b"two\r\n"]


def test_a_line_cut_by_a_kill_is_left_out_and_does_no_harm(tmp_path):
    with Store(tmp_path) as store:
        append(store)
    with (tmp_path / INDEX).open("ab") as index:
        index.write(b'{"at": "2026-')
    assert len(list(read(tmp_path))) == 1
    with Store(tmp_path) as store:
        append(store, b"later\r\n")
    assert [raw(one) for one in read(tmp_path)] == [MESSAGE, b"later\r\n"]


def test_a_directory_without_index_holds_nothing(tmp_path):
    assert list(read(tmp_path / "none")) == []


@pytest.mark.parametrize("header", [b"message-id: <a@b>", b"MESSAGE-ID:<a@b>"])
def test_message_ids_are_found_in_any_case(tmp_path, header):
    with Store(tmp_path) as store:
        assert append(store, header + b"\r\n\r\nMessage-ID: <no@b>").message_id == "<a@b>"
