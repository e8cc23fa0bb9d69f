"""Random formulas agree with the naive evaluator; mutated ones are refused, or run, and never raise anything else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mock_server.org.formula import FormulaError
from tests.org.formula.naive import DEEP_TREES, ROWS, TREES, Fault, Tree, evaluate, render, seen
from tests.org.formula.world import formula, value

_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
SEEDS = [
    'IF(AND(NOT(ISBLANK(D__c)), D__c < TODAY() - 30), "late", TEXT(P__c) & "!")',
    "CASE(P__c, 'red', N__c * 2, 'green', ROUND(M__c / 3, 2), 0)",
    "ISCHANGED(T__c) && REGEX(T__c, \"[A-Z]{2}\\\\d+\") || $User.Username = 'x' /* why */",
    "Boss__r.Boss__r.N__c ^ 2 + VALUE(LEFT(T__c, 3)) - LEN(SUBSTITUTE(U__c, 'a', 'bb'))",
    "BLANKVALUE(W__c, NOW()) + 1.5 > DATETIMEVALUE(DATE(2024, 1, 31)) && INCLUDES(S__c, 'a')",
]
_CHARACTERS = "()\"'\\/*+-^&|!=<>,.:$_ abN19\n\t\0é{}[]%#;"


def agree(tree: Tree, stored: dict[str, Any]) -> None:
    text = render(tree)
    if len(text) > 4000:
        return
    try:
        expected = evaluate(tree, seen(stored))
    except Fault:
        expected = Fault
    try:
        found = value(text, stored)
    except (ArithmeticError, ValueError):
        found = Fault
    assert found == expected, (text, stored)
    assert type(found) is type(expected), (text, stored)


@settings(max_examples=300, suppress_health_check=_QUIET)
@given(TREES, ROWS)
def test_random_formulas_agree_with_the_naive_evaluator(tree: Tree, stored: dict[str, Any]) -> None:
    agree(tree, stored)


@pytest.mark.heavy
@settings(max_examples=10_000, suppress_health_check=_QUIET)
@given(DEEP_TREES, ROWS)
def test_ten_thousand_random_formulas_agree(tree: Tree, stored: dict[str, Any]) -> None:
    agree(tree, stored)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(SEEDS) | TREES.map(render).filter(lambda one: len(one) < 1000))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 5)))
        text = text[:at] + draw(st.text(alphabet=_CHARACTERS, max_size=3)) + text[end:]
    return text


def survives(text: str) -> None:
    try:
        formula(text)
    except FormulaError as error:
        assert error.text
        assert 0 <= error.at <= max(len(text), 5000)
        return
    try:
        value(text, {"N__c": 2.5, "T__c": "12a", "D__c": "2024-02-29", "P__c": "red", "B__c": 1})
    except (ArithmeticError, ValueError):
        return


@settings(max_examples=300, suppress_health_check=_QUIET)
@given(mutated())
@example("")
@example("\ud800\udfff")
def test_mutated_formulas_give_a_formula_problem_and_nothing_else(text: str) -> None:
    survives(text)


@pytest.mark.heavy
@settings(max_examples=10_000, suppress_health_check=_QUIET)
@given(mutated() | st.text(max_size=200) | st.text(alphabet=_CHARACTERS, max_size=200))
def test_ten_thousand_mutated_formulas(text: str) -> None:
    survives(text)
