"""Rules of replies: their form, what is refused and why, operators' own before the shipped ones."""

import time
import tomllib

import pytest

from wire.outcomes import Phase
from wire.replies import Rulebook, RuleRefused, faults_of, read_rule, shipped
from wire.reply_text import phrase
from wire.rulebook import read_rules

OWN = {"id": "own-1", "category": "ip-listed", "words": ["tarnished messenger"],
       "samples": ["550 5.1.1 Tarnished messenger, unknown user"]}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": " "}, "has no id"),
        ({"colour": "red"}, "own-1: there is no field “colour”"),
        ({"category": "blocked"}, "own-1: category “blocked” is none of accepted, "),
        ({"category": None}, "own-1: category “None” is none of"),
        ({"blamed": "somebody"}, "own-1: blamed “somebody” is none of content, network"),
        ({"permanence": "forever"}, "own-1: permanence “forever” is none of permanent"),
        ({"words": ["..."]}, "own-1: “...” has no word that could be looked for"),
        ({"words": ["spf*"]}, "own-1: “spf*”: before a * a word needs at least 5 letters."),
        ({"words": ["error 550"]}, "own-1: “error 550”: bare numbers are not looked at"),
        ({"words": {"a": 1}}, "must be a text or a list of texts"),
        ({"codes": ["600"]}, "own-1: code “600” must be like 550 or 5xx."),
        ({"codes": ["55x"]}, "own-1: code “55x” must be like 550 or 5xx."),
        ({"enhanced": ["5.7"]}, "own-1: enhanced code “5.7” must be like 5.7.1"),
        ({"phases": ["helo"]}, "own-1: 'helo' is not a valid Phase"),
        ({"samples": ["User unknown"]}, "own-1: the sample “User unknown” must begin with a code"),
        ({"regex": "(user"}, "own-1: the expression “(user” is not valid: missing )"),
        ({"regex": "(?=a)b"}, "own-1: the expression “(?=a)b” has “(?=”: look-ahead, look-behind"),
        ({"regex": r"(a)\1"}, r"has “\1”: look-ahead, look-behind and back references are not"),
        ({"regex": "a{1,1500}"}, "own-1: the expression “a{1,1500}” is not valid: invalid repeti"),
        ({"regex": "a{4294967296}"}, "own-1: the expression “a{4294967296}” is too large: 500"),
        ({"regex": r"(?:\pL{0,30}\pN){9}"}, "is too large: 500 characters and a few hundred"),
        ({"regex": "a" * 501}, "is too large: 500 characters"),
    ],
)
def test_a_rule_that_is_not_right_is_refused_in_clear_words(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(RuleRefused) as refused:
        read_rule(OWN | changes)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[]*+]\*+$",
        r"(?:abc)+",
        r"(a+)+b",
        r"a{3}b?",
        r"[^]()]{1,60}x",
        r"\(+",
        r"AUP#\D{0,3}1000\b",
        "a{x}",
    ],
)
def test_harmless_expressions_are_taken(pattern: str) -> None:
    rule = read_rule(OWN | {"regex": pattern})
    assert rule.regex is not None
    assert rule.regex.pattern == pattern


def test_a_fault_in_a_file_names_the_file() -> None:
    data = tomllib.loads('[[rule]]\nid = "x"\ncategory = "y"')
    with pytest.raises(RuleRefused, match=r"^50-x\.toml: x: category “y” is none of"):
        read_rules(data, where="50-x.toml")


def test_own_rules_come_before_the_shipped_ones() -> None:
    rule = read_rule(OWN)
    book = shipped().with_own([rule])
    line = (Phase.rcpt, 550, "5.1.1", "Tarnished messenger, unknown user")
    assert shipped().classify(*line).category == "unknown-user"
    assert book.classify(*line).rule == "own-1"
    assert (book.rules[0], len(book.rules)) == (rule, len(shipped().rules) + 1)
    assert faults_of(rule, shipped()) == []


def test_an_own_rule_may_have_an_expression_only() -> None:
    book = shipped().with_own([read_rule({"id": "e", "category": "content", "regex": r"Q-\d{3}"})])
    assert book.classify(Phase.rcpt, 550, "5.1.1", "no such user q-123").rule == "e"
    assert book.classify(Phase.rcpt, 550, "5.1.1", "no such user").rule == "unknown-user"


def test_faults_name_the_sample_that_does_not_fit_and_the_rule_that_loses_one() -> None:
    rule = read_rule(OWN | {"words": ["user unknown"], "samples": ["550 Nothing of the kind"]})
    faults = [str(fault) for fault in faults_of(rule, shipped())]
    assert faults[0] == "own-1: its own sample “Nothing of the kind” does not match it."
    assert any(fault.endswith("from unknown-user.") for fault in faults[1:])
    without = faults_of(read_rule(OWN | {"samples": []}), shipped())
    assert [str(fault) for fault in without] == ["own-1: give at least one reply that it is for."]


def test_conditions_must_all_hold() -> None:
    rule = read_rule(
        OWN | {"codes": ["4xx", 550], "enhanced": ["x.1.1", "none"], "phases": ["rcpt"],
               "mx": "example.com", "unless": ["unless * this"], "regex": "messenger"}
    )  # fmt: skip
    book = Rulebook([rule])

    def hits(
        code: int | None, enhanced: str, text: str, mx: str | None = "MX.Example.com."
    ) -> bool:
        return book.classify(Phase.rcpt, code, enhanced, text, mx=mx).rule == "own-1"

    text = "Tarnished messenger"
    assert hits(550, "5.1.1", text)
    assert hits(451, "", text)
    assert hits(550, "5.0.0", text)
    assert not hits(551, "5.1.1", text)
    assert not hits(None, "5.1.1", text)
    assert not hits(550, "5.1.2", text)
    assert not hits(550, "5.1.1", text, mx=None)
    assert not hits(550, "5.1.1", f"{text} unless you read this")
    assert book.classify(Phase.mail, 550, "5.1.1", text, mx="example.com").rule == ""


def test_exceptions_in_scripts_without_spaces_hold_too() -> None:
    rule = read_rule(
        {"id": "j", "category": "content", "words": ["迷惑メール"], "unless": ["解除"]}
    )
    book = Rulebook([rule])
    assert book.classify(Phase.rcpt, 550, "", "これは迷惑メールです").rule == "j"
    assert book.classify(Phase.rcpt, 550, "", "迷惑メールの解除").rule == ""


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        ("user unknown", "550: USER-UNKNOWN!", True),
        ("user unknown", "users unknown", False),
        ("greylist*", "you are Greylisted", True),
        ("mailbox * full", "The mailbox <a@b.example> of Ann is full", True),
        ("mailbox * full", "full of the mailbox", False),
        ("mailbox * full", "mailbox " + "x" * 90 + " full", False),
        ("mailbox * full", "mailbox mailbox " + "x " * 39 + "full", True),
        ("boîte pleine", "Boite pleine", True),
        ("utilisateur n’existe", "UTILISATEUR N'EXISTE PAS", True),
        ("宛先 * 見つかり", "宛先のメールアドレスが見つかりません", True),
        ("ﾕｰｻﾞｰ", "ユーザー不明", True),
    ],
)
def test_phrases_are_found_as_whole_words(words: str, text: str, found: bool) -> None:
    book = Rulebook([read_rule({"id": "w", "category": "content", "words": [words]})])
    assert (book.classify(Phase.rcpt, 550, "", text).rule == "w") == found


def test_a_phrase_knows_whether_it_is_in_a_text() -> None:
    assert phrase("a * b").is_in(" a x b ")
    assert not phrase("a * b").is_in(" a x ")
    assert phrase("a b").is_in(" a b ")


EXPENSIVE = [
    "(a|a)?" * 22 + "y", "(?:a|a){3}" * 9 + "y", "(((((((a|b|ab){3}){3}){3}){3}){3}){3})c",
    ".*x.{0,80}x.{0,80}y", r"\S+@.{0,80}y", "(x+x+)+y", "(?:.?){60}" * 4 + "y",
]  # fmt: skip


@pytest.mark.parametrize("expression", EXPENSIVE, ids=lambda expression: expression[:12])
@pytest.mark.parametrize("text", ["x" * 4096, "ab" * 2048, "@" * 4096, "宛先" * 2048])
def test_no_expression_of_an_operator_makes_a_reply_slow(expression: str, text: str) -> None:
    book = Rulebook([read_rule({"id": "e", "category": "content", "regex": expression})])
    begun = time.process_time()
    assert book.classify(Phase.rcpt, 550, "", text).rule == ""
    assert time.process_time() - begun < 0.5


def test_an_expression_is_looked_for_in_letters_of_either_case_and_any_octets() -> None:
    rule = read_rule({"id": "e", "category": "content", "regex": "ÉCHEC|拒否"})
    book = Rulebook([rule])
    assert book.classify(Phase.rcpt, 550, "", "échec \udce9").rule == "e"
    assert book.classify(Phase.rcpt, 550, "", "受信拒否").rule == "e"
    assert book.classify(Phase.rcpt, 550, "", "\udce9").rule == ""


def test_an_expression_of_ours_that_is_not_valid_is_refused_too() -> None:
    table = {"id": "x", "category": "content", "regex": "(", "source": "nowhere"}
    with pytest.raises(RuleRefused, match=r"^50-x\.toml: x: the expression “\(” is not valid"):
        read_rules({"rule": [table]}, where="50-x.toml")


HOSTILE = ["a" * 4096, "<" * 4096, "@" * 4096, "a@" * 2048, ". " * 2048, "1." * 2048, ":" * 4096,
           "http://" * 600, "mailbox " * 512, "host [" * 700, "\n" * 4096, "550-5.7.1 " * 400,
           "a.b" * 1300, "blocked using " * 300, "user " * 800, "(" * 4096, "AUP#" * 1000,
           "宛先" * 2000, "i.ua/err/" * 450, "host x[1]: " * 400, "-" * 100_000]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:8])
def test_no_text_makes_a_reply_slow(text: str) -> None:
    begun = time.process_time()
    shipped().classify(Phase.rcpt, 550, "", text)
    assert time.process_time() - begun < 0.1
