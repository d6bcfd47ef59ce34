import html
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import merge

BROKEN = [
    ("Dear {{ name", 1, 6, None, "not closed"),
    ("a\nb {{ x {{ y }}", 2, 3, None, "not closed"),
    ("{{ }}", 1, 1, None, "no name"),
    ("あ{{ | x }}", 1, 2, None, "no name"),
    ("{{ a.b }}", 1, 1, "a.b", 'contains "."'),
    ("{{ a|b }}\n\n  {{ x y }}", 3, 3, "x y", 'contains " "'),
    ("{{{ name }}}", 1, 1, "{ name", 'contains "{"'),
    ("{{ 名前｜お客様 }}", 1, 1, "名前｜お客様", 'contains "｜"'),
    ("{{ __import__('os') }}", 1, 1, "__import__('os')", 'contains "("'),
]


def render(text: str, values: Mapping[str, str], escape: Callable[[str], str] | None = None) -> str:
    return merge.compile(text).render(values, escape=escape)


def test_values_take_the_place_of_fields() -> None:
    values = {"名前": "山田", "e-mail": "x"}
    assert render("{{名前}} 様、{{ e-mail }}", values) == "山田 様、x"


@pytest.mark.parametrize("values", [{}, {"name": ""}])
def test_a_missing_or_empty_value_gives_the_default(values: dict[str, str]) -> None:
    template = merge.compile("Dear {{ name | valued | customer }}{{name}}!")
    assert template.render(values) == "Dear valued | customer!"


def test_escaped_braces_are_literal() -> None:
    template = merge.compile(r"\{{ name }} {{ name }}")
    assert template.render({"name": "x"}) == "{{ name }} x"
    assert merge.compile(r"\{{ a }} b").parts == ("{{ a }} b",)


def test_values_are_never_read_as_templates() -> None:
    assert render("{{ a }}", {"a": "{{ b }}", "b": "secret"}) == "{{ b }}"


def test_only_values_are_escaped_not_the_authors_own_text() -> None:
    text = "<b>{{ name | <i>you</i> }}</b>"
    assert render(text, {"name": "<x>"}, html.escape) == "<b>&lt;x&gt;</b>"
    assert render(text, {}, html.escape) == "<b><i>you</i></b>"


def test_field_names_meet_in_one_unicode_form() -> None:
    assert merge.compile("{{ か\u3099 }}").fields == {"が"}
    assert merge.compile("{{ नाम }}").fields == {"नाम"}


@pytest.mark.parametrize(("text", "line", "column", "field", "words"), BROKEN)
def test_a_broken_field_is_refused_with_its_place(
    text: str, line: int, column: int, field: str | None, words: str
) -> None:
    with pytest.raises(merge.MergeError) as refused:
        merge.compile(text)
    error = refused.value
    assert (error.line, error.column, error.field) == (line, column, field)
    assert str(error).startswith(f"Line {line}, column {column}: ")
    assert words in str(error)
    assert error.code == {"no": "field-without-name", "not": "field-not-closed"}.get(
        words.split(maxsplit=1)[0], "field-name"
    )
    assert not error.character or f'"{error.character}"' in words


def test_each_use_of_an_unknown_field_is_named_with_the_nearest_known_one() -> None:
    template = merge.compile("{{ name }}\n {{ nmae }} {{ zzz | y }} {{ nmae }}")
    errors = merge.unknown_fields(template, {"name", "email"})
    assert [(e.field, e.line, e.column) for e in errors] == [
        ("nmae", 2, 2),
        ("zzz", 2, 13),
        ("nmae", 2, 27),
    ]
    assert {error.code for error in errors} == {"unknown-field"}
    assert [error.near for error in errors] == ["name", "", "name"]
    assert 'did you mean "name"?' in str(errors[0])
    assert "use a field of the recipient list" in str(errors[1])
    assert merge.unknown_fields(template, template.fields) == []


@given(st.text())
def test_any_text_with_its_braces_escaped_comes_out_as_it_is(text: str) -> None:
    template = merge.compile(text.replace("{{", r"\{{"))
    assert template.render({}) == text
    assert not template.fields


@given(st.text(alphabet="{}|\\ ab名\n."))
def test_any_text_compiles_or_is_a_merge_error(text: str) -> None:
    try:
        template = merge.compile(text)
    except merge.MergeError:
        return
    assert isinstance(template.render(dict.fromkeys(template.fields, "v")), str)
