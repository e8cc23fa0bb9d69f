"""The kill matrix in the documentation is that of these subjects and properties."""

from __future__ import annotations

import pytest

from harness.properties import registry
from tests import kill_matrix
from tests.kill_matrix import PLANT
from tests.subjects import PLANTED

RUN = "run `make kill-matrix`, or `python -m tests.kill_matrix SUBJECT.py` for a new one"
MARKS = kill_matrix.read(kill_matrix.PAGE.read_text(encoding="utf-8"))


def test_it_has_a_column_for_each_property() -> None:
    assert set(MARKS) == set(registry()), RUN


@pytest.mark.parametrize("subject", sorted(PLANTED))
def test_each_broken_subject_is_caught_by_what_is_planted_in_it(subject: str) -> None:
    planted, _ = PLANTED[subject]
    assert MARKS[planted].get(subject) == PLANT, RUN


def test_every_property_but_the_laws_kills_something() -> None:
    dull = [name for name, marks in MARKS.items() if PLANT not in marks.values() and not name.startswith("delivery.")]
    assert dull == []


def test_there_are_enough_broken_subjects() -> None:
    assert len({subject for marks in MARKS.values() for subject in marks}) == len(PLANTED) >= 25


def test_a_page_is_read_as_it_was_written() -> None:
    kills = {"a.py": ("retry.bounded", "delivery.nothing_lost"), "b.py": ("bulk.row_results_read",)}
    page = kill_matrix.page(kills)
    assert kill_matrix.kept(page) == kills
    assert kill_matrix.read(page)["delivery.nothing_lost"] == {"a.py": "○"}
