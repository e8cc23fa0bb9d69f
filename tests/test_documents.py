"""YAML with positions: every part knows its place, and every mistake says where it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.documents import DocumentError, Problem, duration, load, nearest, parse


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("500ms", 0.5), ("2m", 120), ("1h30m", 5400), ("1.5s", 1.5), (3, 3), (0.25, 0.25), ("1 d", 86_400)],
)
def test_durations(text: object, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "s", "10 parsecs", "-1s", -1, "1s2", None, True, [], 10**400, float("nan"), "9" * 400 + "d"]
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError):
        duration(text)


def test_every_part_knows_its_place() -> None:
    document = parse("a:\n  - b: 1\n    c: [x, y]\n", "f.yaml")
    assert str(document.where(("a", 0, "b"))) == "f.yaml:2:8"
    assert str(document.where(("a", 0, "b"), key=True)) == "f.yaml:2:5"
    assert str(document.where(("a", 0, "c", 1))) == "f.yaml:3:12"
    assert str(document.where(("a", 0, "nothing", "there"))) == "f.yaml:2:5"


def test_an_error_lists_all_problems_in_order_of_place() -> None:
    document = parse("one: 1\ntwo: 2\n", "f.yaml")
    error = document.error(
        [Problem(("two",), "wrong", ("a", "b")), Problem(("one",), "unknown", nearest="won", at_key=True)]
    )
    assert error.lines == ("f.yaml:1:1: unknown; did you mean 'won'?", "f.yaml:2:6: wrong (allowed: a, b)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml:1:1: the file is empty"),
        ("a: 1\na: 2", "f.yaml:2:1: the key 'a' stands here twice"),
        ("a: [", "f.yaml:2:1: not valid YAML"),
        ("a:\n\t- b", "f.yaml:2:1: not valid YAML"),
        ("? [a]\n: b", "f.yaml:1:3: a key must be a plain word"),
        ("a: !!python/object:os.system x", "f.yaml:1:4: cannot read this value"),
        ("a: &x [*x]", "nested too deeply"),
        ("a: " + "[" * 100_000, "f.yaml:1:64: nested too deeply"),
        ("- " * 100_000 + "x", "nested too deeply"),
        ("x: &a [1,1,1,1,1,1,1,1,1,1]\n" + "\n".join(f"{n}: &{n} [{', '.join(['*' + ('a' if n == 'b' else chr(ord(n) - 1))] * 10)}]" for n in "bcdefg"), "too many values"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where(text: str, said: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse(text, "f.yaml")
    assert said in str(error.value)


def test_files_that_are_not_there_or_not_text(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "latin.yaml").write_bytes("a: ä".encode("latin-1"))
    for name, said in (
        ("missing.yaml", "cannot read the file"),
        ("latin.yaml", "the file is not UTF-8"),
        ("", "cannot read"),
    ):
        with pytest.raises(DocumentError, match=said):
            load(folder / name)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text, "f.yaml")
    except DocumentError as error:
        assert all(line.startswith("f.yaml:") for line in error.lines)


def test_the_nearest_word() -> None:
    assert nearest("lenght", ("length", "label")) == "length"
    assert nearest("xyz", ("length", "label")) is None
