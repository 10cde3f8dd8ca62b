"""A statement's parameters, as each dialect's lexer sees them, and what only reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio.errors import Refused
from hengio.targets.lexing import Dialect, code, keyword, only_reads
from hengio.targets.statement import prepare

TEXTS: list[tuple[Dialect, str, str, tuple[str | int, ...]]] = [
    ("postgres", "SELECT :a, :b, :a, b::text", "SELECT $1, $2, $1, b::text", ("a", "b")),
    (
        "postgres",
        "SELECT :a::int, :b :: int, t[:a:2], t[1:x]",
        "SELECT $1::int, $2 :: int, t[:a:2], t[1:x]",
        ("a", "b"),
    ),
    ("postgres", "SELECT $$:a$$, E'\\':a', '\\', :b", "SELECT $$:a$$, E'\\':a', '\\', $1", ("b",)),
    ("sqlite", 'SELECT :a, `:x`, ":y"', 'SELECT :_1, `:x`, ":y"', ("a",)),
    ("mysql", "SELECT :a, :b, :a", "SELECT %s, %s, %s", ("a", "b", "a")),
    ("mysql", "SELECT 'it\\'s :x', \"\\\":y\", `:z`, :a", "SELECT 'it\\'s :x', \"\\\":y\", `:z`, %s", ("a",)),
    ("mysql", "SELECT '\\\\', :a -- :b\n, :c # :d", "SELECT '\\\\', %s -- :b\n, %s # :d", ("a", "c")),
    ("mysql", "SELECT 5--:a", "SELECT 5--%s", ("a",)),
    ("mysql", "SELECT '100%', 7 % :a, '%s' /* %d :b */", "SELECT '100%%', 7 %% %s, '%%s' /* %%d :b */", ("a",)),
    ("mysql", "SELECT /*!50000 :a */ 1", "SELECT /*!50000 %s */ 1", ("a",)),
    ("mysql", "SELECT @x := :a, @y:=1", "SELECT @x := %s, @y:=1", ("a",)),
    ("oracle", "SELECT :a, :b, :a FROM dual", "SELECT :p1, :p2, :p1 FROM dual", ("a", "b")),
    ("oracle", "SELECT q'[it's :x]', nq'!:y!', ':z' || :a", "SELECT q'[it's :x]', nq'!:y!', ':z' || :p1", ("a",)),
    (
        "oracle",
        'SELECT v$x, "a:b" -- :c\n FROM t WHERE a = :a',
        'SELECT v$x, "a:b" -- :c\n FROM t WHERE a = :p1',
        ("a",),
    ),
]


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(("dialect", "query", "text", "sources"), TEXTS)
def test_parameters_are_found_in_code_only(
    dialect: Dialect, query: str, text: str, sources: tuple[str | int, ...]
) -> None:
    prepared = prepare(query, dialect, positional=False)
    assert (prepared.text, prepared.sources) == (text, sources)


def test_places_are_numbered_and_numbers_may_repeat() -> None:
    assert prepare("? ?", "mysql", positional=True).sources == (0, 1)
    assert prepare("$2 $1 $2", "mysql", positional=True).values(["a", "b"], place="p") == ["b", "a", "b"]
    assert prepare("$2 $1 $2", "oracle", positional=True).text == ":p1 :p2 :p1"


def test_a_nul_is_refused() -> None:
    with pytest.raises(Refused, match="NUL"):
        prepare("SELECT \0", "mysql", positional=False)


@given(st.text(st.sampled_from("'\"`\\%:ab?$#-/*! \n"), max_size=30))
def test_whatever_a_mysql_text_is_it_stays_itself_but_for_its_parameters(query: str) -> None:
    prepared = prepare(query, "mysql", positional=False)
    names = tuple(f":{source}" for source in prepared.sources)
    assert prepared.text % names == query


@pytest.mark.parametrize(
    ("dialect", "query", "word"),
    [
        *[("mysql", text, "SELECT") for text in ("# x\nSELECT 1", "-- x\n(SELECT 1)", "/* x */ SELECT 1")],
        *[("mysql", "/*! DELETE FROM x */", "/"), ("mysql", "--1", "-"), ("postgres", " (\n( with x", "WITH")],
        *[("oracle", "/*+ hint */ select 1", "SELECT"), ("sqlite", "", ""), ("postgres", "-- only", "")],
    ],
)
def test_the_first_word_is_after_comments_and_brackets(dialect: Dialect, query: str, word: str) -> None:
    assert keyword(query, dialect) == word


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("SELECT 'DELETE; INTO' AS x -- UPDATE", True),
        ("WITH x AS (SELECT 1) SELECT * FROM x", True),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", False),
        ("SELECT * INTO y FROM x", False),
        ("SELECT * FROM x FOR UPDATE", False),
        ("EXPLAIN ANALYZE SELECT 1", False),
        ("CALL p()", False),
    ],
)
def test_what_only_reads_is_known_by_its_words(query: str, reads: bool) -> None:
    assert only_reads(query, "postgres") is reads


def test_code_has_neither_texts_nor_comments() -> None:
    assert code("SELECT 'a', `b` /* c */ # d", "mysql") == "SELECT '', `b`    "
