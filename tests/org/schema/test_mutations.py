"""Whatever happens to the files of a project, reading it ends in a schema or in errors with their lines."""

from __future__ import annotations

import re
from functools import cache, partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.schema import Schema
from mock_server.org.schema.definitions import Definitions
from mock_server.org.schema.errors import SchemaErrors
from mock_server.org.schema.metadata import read_files
from mock_server.org.schema.metadata_files import MetadataFile, open_project
from tests.org.schema.files import RENTAL

_TEXT = re.compile(r">([^<>\n]+)<")
_ODD = (
    "", "x" * 5000, "-1", "9" * 30, "1e9", "é" * 90, "a;DROP TABLE", "null", "%%%NAMESPACE%%%", "Rental__c", ".", "..",
    "Rental__b", "true ", "Rental__c.Status__c", "__c", "a__b__c__d__c", "'", '"', "&amp;", "&#160;", "Contact",
)  # fmt: skip


@cache
def files() -> tuple[tuple[MetadataFile, str], ...]:
    return tuple((file, file.read_bytes().decode()) for file in open_project(RENTAL).files)


@cache
def words() -> tuple[str, ...]:
    found = {word for _, text in files() for word in _TEXT.findall(text)}
    return tuple(sorted(found | set(_ODD)))


@cache
def tags() -> tuple[str, ...]:
    return tuple(sorted({tag for _, text in files() for tag in re.findall(r"<(\w+)>", text)}))


@st.composite
def mutated(draw: st.DrawFn) -> tuple[MetadataFile, ...]:
    changed = {}
    for place in draw(st.lists(st.integers(0, len(files()) - 1), min_size=1, max_size=3, unique=True)):
        text = files()[place][1]
        for _ in range(draw(st.integers(1, 3))):
            text = _changed(draw, text)
        changed[place] = text.encode(errors="replace")
    return tuple(
        MetadataFile(file.path, file.kind, file.name, file.parent, partial(bytes, changed.get(place, text.encode())))
        for place, (file, text) in enumerate(files())
    )


def _changed(draw: st.DrawFn, text: str) -> str:
    how = draw(st.sampled_from(["word", "word", "tag", "lines", "other", "cut", "character"]))
    if how == "word":
        found = list(_TEXT.finditer(text))
        if found:
            one = draw(st.sampled_from(found))
            return text[: one.start(1)] + draw(st.sampled_from(words())) + text[one.end(1) :]
    if how == "tag":
        old, new = draw(st.sampled_from(tags())), draw(st.sampled_from(tags()))
        return text.replace(f"<{old}>", f"<{new}>").replace(f"</{old}>", f"</{new}>")
    lines = text.split("\n")
    if how == "lines":
        one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        lines[one], lines[other] = lines[other], lines[one]
        return "\n".join(lines)
    if how == "other":
        return draw(st.sampled_from(files()))[1]
    if how == "cut":
        return text[: draw(st.integers(0, len(text)))]
    place = draw(st.integers(0, max(0, len(text) - 1)))
    return text[:place] + draw(st.characters(codec="utf-8")) + text[place + 1 :]


def check(project: tuple[MetadataFile, ...]) -> None:
    found = Definitions()
    read_files(project, found)
    known = {file.path for file in project}
    try:
        schema = Schema.load(found)
    except SchemaErrors as error:
        assert error.problems
        for problem in error.problems:
            assert problem.place.file in known and problem.place.line >= 1, str(problem)
            assert len(str(problem)) < 2000
    else:
        assert schema.names()
    assert {note.place.file for note in found.notes} <= known


@settings(max_examples=60)
@given(mutated())
def test_a_changed_project_is_read_or_refused(project: tuple[MetadataFile, ...]) -> None:
    check(project)


@pytest.mark.heavy
@settings(max_examples=3000)
@given(mutated())
def test_many_changed_projects_are_read_or_refused(project: tuple[MetadataFile, ...]) -> None:
    check(project)
