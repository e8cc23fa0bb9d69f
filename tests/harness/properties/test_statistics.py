"""The rules for undeclared policies never blame a correct client, and seldom miss a constant wait: simulated."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.properties import statistics
from mock_server.org.chance import Random, stream

Draw = Callable[[Random, int], float]
"""Returns the wait of a number, counted from 1."""
BASE, FACTOR = 0.5, 2.0


def full_jitter(chance: Random, number: int) -> float:
    return chance.uniform(0, BASE * FACTOR ** (number - 1))


def equal_jitter(chance: Random, number: int) -> float:
    delay = BASE * FACTOR ** (number - 1)
    return delay / 2 + chance.uniform(0, delay / 2)


def a_tenth(chance: Random, number: int) -> float:
    return BASE * FACTOR ** (number - 1) * chance.uniform(0.9, 1.1)


def added_jitter(chance: Random, number: int) -> float:
    """Wait as stamina does by default: doubling from 0.1 s up to 5 s, and up to a second more."""
    return min(5.0, 0.1 * FACTOR ** (number - 1) + chance.uniform(0, 1.0))


def exponential(chance: Random, number: int) -> float:
    return BASE * FACTOR ** (number - 1)


def linear(chance: Random, number: int) -> float:
    return BASE * number * chance.uniform(0.9, 1.1)


def constant(chance: Random, number: int) -> float:
    return BASE


def constant_with_a_tenth(chance: Random, number: int) -> float:
    return BASE * chance.uniform(0.9, 1.1)


def constant_with_full_jitter(chance: Random, number: int) -> float:
    return chance.uniform(0, BASE)


def immediate(chance: Random, number: int) -> float:
    return chance.uniform(0, 0.01)


CORRECT = (full_jitter, equal_jitter, a_tenth, added_jitter, exponential, linear)
JITTERED = (full_jitter, equal_jitter, a_tenth, added_jitter, linear, constant_with_a_tenth, constant_with_full_jitter)
CONSTANT = (constant, constant_with_a_tenth, constant_with_full_jitter)
TRIALS = [400, pytest.param(20_000, marks=pytest.mark.heavy)]

trials = pytest.mark.parametrize("trials", TRIALS)


def chains(draw: Draw, chance: Random, count: int = statistics.CHAINS) -> list[list[float]]:
    return [[draw(chance, number) for number in range(1, statistics.DEPTH + 1)] for _ in range(count)]


@trials
@pytest.mark.parametrize("draw", CORRECT, ids=lambda draw: draw.__name__)
def test_waits_that_grow_are_never_blamed(draw: Draw, trials: int) -> None:
    chance = stream(1, "growth", draw.__name__)
    blamed = 0
    for _ in range(trials):
        gaps = chains(draw, chance)
        growth = statistics.growth(gaps)
        assert growth is not None
        blamed += growth < statistics.MIN_FACTOR or statistics.is_immediate(gaps)
    assert blamed == 0


@trials
@pytest.mark.parametrize("draw", CONSTANT, ids=lambda draw: draw.__name__)
def test_constant_waits_seldom_pass(draw: Draw, trials: int) -> None:
    chance = stream(2, "growth", draw.__name__)
    passed = 0
    for _ in range(trials):
        growth = statistics.growth(chains(draw, chance))
        assert growth is not None
        passed += growth >= statistics.MIN_FACTOR
    # 20 draws of full jitter stay under 1 / 1.3 of the longest that is possible in one trial of two hundred.
    assert passed <= 0.006 * trials + 3


@trials
@pytest.mark.parametrize("draw", JITTERED, ids=lambda draw: draw.__name__)
def test_jitter_is_overlooked_in_one_trial_of_ten_thousand_at_most(draw: Draw, trials: int) -> None:
    chance = stream(3, "jitter", draw.__name__)
    blamed = sum(
        statistics.variation([draw(chance, 1) for _ in range(statistics.FIRST_WAITS)]) < statistics.MIN_VARIATION
        for _ in range(trials)
    )
    assert blamed <= trials / 10_000


@trials
@pytest.mark.parametrize("jitter", [0.02, 0.1, 0.5, 1.0])
def test_declared_jitter_is_never_overlooked(jitter: float, trials: int) -> None:
    chance = stream(4, "jitter", str(jitter))
    least = min(
        statistics.variation([chance.uniform(1 - jitter, 1 + jitter) for _ in range(statistics.FIRST_WAITS)])
        for _ in range(trials)
    )
    assert least >= jitter / statistics.JITTER_SHARE


@trials
def test_short_draws_of_full_jitter_are_not_taken_for_none(trials: int) -> None:
    """The shortest base that people use, and as few waits as the rule asks for."""
    chance = stream(5, "immediate")
    count = statistics.IMMEDIATE_WAITS // 4
    blamed = 0
    for _ in range(trials):
        gaps = [[chance.uniform(0, 0.1 * FACTOR**number) for number in range(4)] for _ in range(count)]
        blamed += statistics.is_immediate(gaps)
    assert blamed == 0


@pytest.mark.parametrize("draw", [full_jitter, equal_jitter, constant_with_full_jitter], ids=lambda draw: draw.__name__)
@trials
def test_one_layer_with_jitter_is_never_taken_for_two(draw: Draw, trials: int) -> None:
    chance = stream(6, "layers", draw.__name__)
    cap = BASE * 2
    found = 0
    for _ in range(trials):
        gaps = [[min(cap, draw(chance, number)) for number in range(1, 9)] for _ in range(statistics.LAYERED_CHAINS)]
        found += statistics.rounds(gaps) is not None
    assert found <= trials / 10_000


def test_the_simple_rules_that_are_not_used_would_blame_correct_clients() -> None:
    chance = stream(7, "simple")
    ratios = 0
    for _ in range(300):
        found = sorted(second / first for first, second, *_ in chains(added_jitter, chance))
        ratios += found[len(found) // 2] < 1.5
    assert ratios > 100


@pytest.mark.parametrize(
    ("draw", "shape"),
    [
        (immediate, "immediate"), (constant, "constant"), (constant_with_a_tenth, "constant"), (linear, "linear"),
        (exponential, "exponential"), (a_tenth, "exponential"), (equal_jitter, "exponential"),
    ],
)  # fmt: skip
def test_the_shape_of_waits(draw: Draw, shape: str) -> None:
    chance = stream(8, "shape", draw.__name__)
    assert {statistics.shape(chains(draw, chance)) for _ in range(50)} == {shape}


def test_without_enough_chains_nothing_is_said() -> None:
    chance = stream(9, "few")
    assert statistics.growth(chains(constant, chance, statistics.CHAINS - 1)) is None
    assert statistics.growth([[0.5] * 3] * 100) is None
    assert not statistics.is_immediate([[0.001]] * 100)  # a first attempt at once, and backoff after it, is no storm
    assert statistics.variation([]) == 0.0
