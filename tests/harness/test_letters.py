"""Dead-letter queues are read line by line, and nothing is overlooked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.letters import (
    BrokenLetter,
    JsonlQueue,
    Letter,
    LetterMap,
    PathError,
    compile_path,
    follow,
    open_queue,
    read_letter,
)

WHOLE = {
    "record": {"LastName": "Ada"},
    "key": "C-000111",
    "error": {"code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain"},
    "attempts": 6,
    "failed_at": "2026-03-01T10:00:00Z",
}


def lines(tmp_path: Path, data: bytes, mapping: LetterMap | None = None) -> list[Letter | BrokenLetter]:
    path = tmp_path / "dlq.jsonl"
    path.write_bytes(data)
    return JsonlQueue(path, mapping).read()


def test_a_letter_of_the_contract(tmp_path: Path) -> None:
    text = json.dumps(WHOLE)
    assert lines(tmp_path, text.encode() + b"\n") == [
        Letter(
            WHOLE["record"], "C-000111", "UNABLE_TO_LOCK_ROW", "unable to obtain", 6, "2026-03-01T10:00:00Z", text, 1
        )
    ]


def test_no_file_means_no_letters(tmp_path: Path) -> None:
    assert JsonlQueue(tmp_path / "none.jsonl").read() == []


def test_the_last_line_may_lack_its_end(tmp_path: Path) -> None:
    assert [type(letter) for letter in lines(tmp_path, b'{"key": 1}\r\n{"key": 2}')] == [Letter, Letter]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"record": {"LastName": "A', "not JSON: "),
        (b'{"key": 1}{"key": 2}', "not JSON: "),
        (b"Traceback (most recent call last):", "not JSON: "),
        (b'{"key": NaN}', "not JSON: "),
        (b'{"key": "\xff"}', "not JSON: "),
        (b"[1]", "a letter must be a JSON object"),
        (b"null", "a letter must be a JSON object"),
        (b"  ", "the line is empty"),
        (b"", "the line is empty"),
        (b"[" * 100_000, "not JSON: "),
    ],
)
def test_a_line_that_is_no_letter_is_kept_as_broken(tmp_path: Path, line: bytes, reason: str) -> None:
    good, broken, after = lines(tmp_path, b'{"key": 1}\n' + line + b'\n{"key": 2}\n')
    assert isinstance(good, Letter) and isinstance(after, Letter) and after.line == 3
    assert isinstance(broken, BrokenLetter)
    assert (broken.line, broken.reason[: len(reason)]) == (2, reason)


@pytest.mark.parametrize(
    ("letter", "found"),
    [
        ({}, (None, None, None, None)),
        (
            {"record": "text", "key": True, "error": "UNABLE_TO_LOCK_ROW: no"},
            (None, None, None, "UNABLE_TO_LOCK_ROW: no"),
        ),
        ({"record": {}, "key": 7, "error": {"code": 3, "message": ""}}, ({}, "7", None, None)),
        ({"error": {"errorCode": "X", "message": "m"}}, (None, None, None, "m")),
        ({"error": [{"code": "X"}]}, (None, None, None, None)),
    ],
)
def test_what_a_letter_does_not_say_is_none(letter: dict[str, Any], found: tuple[Any, ...]) -> None:
    read = read_letter("", letter, 1)
    assert (read.record, read.key, read.error_code, read.error_message) == found


@pytest.mark.parametrize(
    ("why", "code", "message"),
    [
        ("UNABLE_TO_LOCK_ROW", "UNABLE_TO_LOCK_ROW", "UNABLE_TO_LOCK_ROW"),
        ("UNABLE_TO_LOCK_ROW: no lock", "UNABLE_TO_LOCK_ROW", "no lock"),
        ("UNABLE_TO_LOCK_ROW - no\nlock", "UNABLE_TO_LOCK_ROW", "no\nlock"),
        ("no lock: UNABLE_TO_LOCK_ROW", None, "no lock: UNABLE_TO_LOCK_ROW"),
        ("ERROR", None, "ERROR"),
        ({"code": "A_B", "message": "m"}, "A_B", "m"),
        (None, None, None),
    ],
)
def test_a_mapped_letter(why: Any, code: str | None, message: str | None) -> None:
    mapping = LetterMap(record=("payload",), error=("why",), attempts=("headers", 0, "n"))
    read = read_letter("", {"payload": '{"LastName": "A"}', "why": why, "headers": [{"n": 3}], "key": "K"}, 1, mapping)
    assert (read.record, read.key, read.attempts) == ({"LastName": "A"}, "K", 3)
    assert (read.error_code, read.error_message) == (code, message)


def test_code_and_message_are_mapped_on_their_own() -> None:
    mapping = LetterMap(code=("error", "errorCode"), message=("text",))
    read = read_letter("", {"error": {"errorCode": "A_B", "message": "m"}, "text": "t"}, 1, mapping)
    assert (read.error_code, read.error_message) == ("A_B", "t")


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("$", ()),
        ("$.a", ("a",)),
        ("$.a.b[0]", ("a", "b", 0)),
        ("$[2].c_d-e", (2, "c_d-e")),
        ("$['a b'].c", ("a b", "c")),
    ],
)
def test_paths_are_read(text: str, steps: tuple[str | int, ...]) -> None:
    assert compile_path(text) == steps


@pytest.mark.parametrize("text", ["", "a", "a.b", "$.", "$..a", "$.a[", "$.a[*]", "$[-1]", "$a", "$.a ", "$['']"])
def test_other_paths_are_refused(text: str) -> None:
    with pytest.raises(PathError, match="is no path; write it like"):
        compile_path(text)


@pytest.mark.parametrize(
    ("steps", "value"),
    [
        (("a", "b"), 1),
        (("a", "c"), None),
        (("a", 0), None),
        (("l", 1), 3),
        (("l", 2), None),
        (("l", "x"), None),
        (("x", "y"), None),
    ],
)
def test_paths_are_followed(steps: tuple[str | int, ...], value: Any) -> None:
    assert follow(steps, {"a": {"b": 1}, "l": [2, 3]}) == value


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}", "jsonl:{}", "jsonl://{}", "FILE://{}"])
def test_a_queue_is_opened_by_path_or_url(tmp_path: Path, form: str) -> None:
    path = tmp_path / "my dlq.jsonl"
    path.write_text('{"key": "a"}\n')
    where = form.format(str(path).replace(" ", "%20") if "file" in form.lower() else path)
    (letter,) = open_queue(where).read()
    assert isinstance(letter, Letter) and letter.key == "a"


def test_a_queue_takes_its_mapping_along(tmp_path: Path) -> None:
    mapping = LetterMap(key=("k",))
    assert open_queue(tmp_path / "q.jsonl", mapping).mapping is mapping


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("sqs://queue", "there is no reader for sqs: queues; give a path, file:///path or jsonl:path"),
        ("https://example.com/q", "there is no reader for https: queues"),
        ("", "'' names no queue"),
        ("a\0b", "names no queue"),
        ("jsonl:", "this names no file"),
        ("file://elsewhere/q.jsonl", "a file on another machine cannot be read"),
        ("file://[/q", "this is no URL"),
        (".", "this is a folder"),
        ("nowhere/q.jsonl", "does not exist"),
    ],
)
def test_another_queue_is_refused(where: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        open_queue(where)
    assert message in str(caught.value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["record", "key", "error", "code", "x"]), inner)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(letters=st.lists(VALUES, max_size=4), cut=st.integers(0, 200))
def test_any_queue_is_read_line_by_line(tmp_path: Path, letters: list[Any], cut: int) -> None:
    data = b"".join(json.dumps(letter).encode() + b"\n" for letter in letters)[: cut or None]
    found = lines(tmp_path, data, LetterMap(record=("x",), error=("error", "code")))
    assert [letter.line for letter in found] == list(range(1, len(data.splitlines()) + 1))
