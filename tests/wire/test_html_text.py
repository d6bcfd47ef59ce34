import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import merge
from wire.html_text import text_of

CASES = [
    ("<h1>あ</h1><p>い<br>う</p>", "あ\n\nい\nう\n"),
    ("<div><div>a</div><div>b</div></div>", "a\nb\n"),
    ("<p>a\n   b <b>c</b>\td&nbsp;e</p>", "a b c d e\n"),
    ("<ul><li>a</li><li><p>b</p></li></ul>c", "- a\n- b\n\nc\n"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
    ('<a href="https://r.example/?a=1&amp;b=2">here</a>', "here (https://r.example/?a=1&b=2)\n"),
    ('<a href="https://r.example/">https://r.example/</a>', "https://r.example/\n"),
    ('<a href="mailto:a@r.example">a@r.example</a>', "a@r.example\n"),
    ('<a href="https://r.example/"><img src="x" alt=""></a>', "https://r.example/\n"),
    ('<a href="#top">up</a> <a>no</a></a>', "up no\n"),
    ('<img src="x" alt="鳩">', "鳩\n"),
    ("<head><title>t</title><style>p{}</style></head><body>b<script>x()</script>", "b\n"),
    ("<!doctype html><!-- c --><p>&lt;b&gt; &#9731;", "<b> ☃\n"),
    ("<img src=x>", ""),
]


@pytest.mark.parametrize(("html", "text"), CASES)
def test_html_is_read_as_lines_of_text(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>{{ name | <b>guest</b> }}</p>", "{{ name | guest }}\n"),
        ("{{ n | &#123;{ x &#125;} }}", "{{ n | { { x } } }}\n"),
        ('<a href="{{ unsubscribe_url }}">out</a>', "out ({{ unsubscribe_url }})\n"),
        ('<a href="{{ u }}">{{ u }}</a>', "{{ u }}\n"),
        (r"\{{ a }} &#123;&#123; b }}", r"\{{ a }} \{{ b }}" + "\n"),
        ("\ufdd00\ufdd1{{ a }}", "0{{ a }}\n"),
    ],
)
def test_merge_fields_survive_and_nothing_becomes_one(html: str, text: str) -> None:
    assert text_of(html) == text


def test_a_broken_field_is_told() -> None:
    with pytest.raises(merge.MergeError, match="not closed"):
        text_of("<p>{{ name</p>")


@given(st.text(alphabet='<>/pabr {}|&;#="\\\ufdd0\ufdd11'))
def test_any_html_gives_a_text_that_compiles_with_no_other_fields(html: str) -> None:
    try:
        fields = merge.compile(html).fields
    except merge.MergeError:
        return
    assert merge.compile(text_of(html)).fields <= fields
