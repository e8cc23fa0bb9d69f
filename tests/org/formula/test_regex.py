"""REGEX: Java's patterns against whole texts, in bounded time."""

from __future__ import annotations

import re
from contextlib import suppress
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.formula.problems import EvaluationError
from mock_server.org.formula.regex import compiled, matches
from mock_server.org.formula.regex_tree import PatternError, Reader

EMAIL = r"^[a-zA-Z0-9._|\\%#~`=?&/$^*!}{+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,4}$"


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("abc", "abc", True),
        ("abc", "xabc", False),
        ("a|b|", "", True),
        (EMAIL, "ann@example.com", True),
        (EMAIL, "ann@example", False),
        (r"\D*?(\d\D*?){10}", "(415) 555-1234", True),
        (r"\D*?(\d\D*?){10}", "(415) 555-123", False),
        (r"((4\d{3})|(5[1-5]\d{2})|(6011))-?\d{4}-?\d{4}-?\d{4}|3[4,7]\d{13}", "4111-1111-1111-1111", True),
        (r"(?=.*[A-Z])(?=.*\d).{8,}", "Passw0rdX", True),
        (r"(?=.*[A-Z])(?=.*\d).{8,}", "passw0rdx", False),
        (r"(?!00)\d\d", "01", True),
        (r"(?!00)\d\d", "00", False),
        (r"(\w)\1", "aa", True),
        (r"(\w)\1", "ab", False),
        ("[a-z&&[^b]]+", "acd", True),
        ("[a-z&&[^b]]+", "abd", False),
        ("[a-c[x-z]]+", "axz", True),
        ("[^a-c]", "d", True),
        ("[]a]", "]", True),
        (r"[\w.-]+", "a.b-c", True),
        (r"\p{Upper}\p{L}+", "Äb", False),
        (r"\p{L}+", "Äb", True),
        (r"\Qa.b\E+", "a.bb", True),
        ("(?i)straße", "STRAßE", True),
        ("a++b", "aab", True),
        ("(?>a+)b", "aab", True),
        (r"a\x41\u0042", "aAB", True),
        (".", "\n", False),
        ("(?s).", "\n", True),
        (r"\bab\b", "ab", True),
    ],
)
def test_matching(pattern: str, text: str, expected: bool) -> None:
    assert matches(text, pattern) is expected


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[", "[a", "*a", "a{2,1}", "a{x}", r"\k", r"\1", "[z-a]", r"\p{Nope}", "(?x)a", "(?<n>a)", "\\",
     "(" * 200, "((a{1,99}){1,99}){1,99}"],
)  # fmt: skip
def test_patterns_that_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        compiled(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 200 + "b"),
        ("(a*)*b", "a" * 200),
        ("(a|a)*b", "a" * 200),
        ("(a|aa)+$", "a" * 200 + "b"),
        ("(.*)*x", "a" * 1000),
        ("(x+x+)+y", "x" * 200),
        ("a?" * 30 + "a" * 30, "a" * 29),
        (".*.*.*.*.*.*x", "a" * 255),
        ("(.*,){12}x", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"),
        (r"^(\w+\s?)*$", "word " * 50 + "!"),
        ("([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}", "a" * 255),
        ("(a+)+", "a" * 100_000),
    ],
)
def test_patterns_that_explode_come_to_an_end(pattern: str, text: str) -> None:
    start = thread_time()
    try:
        matches(text, pattern)
    except EvaluationError as error:
        assert "runtime exceeded" in str(error)
    assert thread_time() - start < 5


_ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "^", "$"])
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map("|".join).map(lambda text: f"({text})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        inner.map(lambda text: f"(?={text})"),
    ),
    max_leaves=6,
)


@settings(max_examples=200)
@given(_PATTERNS, st.text(alphabet="ab1", max_size=6))
def test_both_matchers_agree_with_python(pattern: str, text: str) -> None:
    from mock_server.org.formula import regex

    expected = re.fullmatch(pattern, text) is not None
    program = regex._Program(Reader(pattern).whole(), re.NOFLAG)
    assert program.matches(text, 0, [100_000], whole=True) is expected
    assert matches(text, pattern) is expected


@settings(max_examples=200)
@given(st.text(alphabet="ab()[]{}|*+?^$.\\-,1&dpQE<=!:", max_size=12), st.text(alphabet="ab1", max_size=5))
def test_any_pattern_matches_or_is_refused(pattern: str, text: str) -> None:
    with suppress(EvaluationError):
        assert matches(text, pattern) in (True, False)
