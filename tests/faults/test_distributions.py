from __future__ import annotations

from statistics import quantiles

import pytest

from mock_server.faults.distributions import Distribution, Fixed, LogNormal, Uniform
from mock_server.org.chance import stream


def draws(distribution: Distribution, seed: int = 3, count: int = 20_000) -> list[float]:
    chance = stream(seed, "latency")
    return [distribution.draw(chance) for _ in range(count)]


def test_a_lognormal_latency_has_the_quantiles_it_is_given_by() -> None:
    cuts = quantiles(draws(LogNormal(0.08, 2.0)), n=100)
    assert cuts[49] == pytest.approx(0.08, rel=0.1)
    assert cuts[98] == pytest.approx(2.0, rel=0.2)


def test_a_uniform_latency_fills_its_range_evenly() -> None:
    values = draws(Uniform(1.0, 3.0))
    assert min(values) >= 1.0
    assert max(values) <= 3.0
    assert quantiles(values, n=4) == pytest.approx([1.5, 2.0, 2.5], rel=0.05)


@pytest.mark.parametrize(
    ("distribution", "value"), [(Fixed(2.0), 2.0), (Uniform(2.0, 2.0), 2.0), (LogNormal(2.0, 2.0), 2.0)]
)
def test_a_distribution_without_spread_is_constant(distribution: Distribution, value: float) -> None:
    assert draws(distribution, count=20) == pytest.approx([value] * 20)


@pytest.mark.parametrize("distribution", [Uniform(0.0, 1.0), LogNormal(0.1, 1.0)])
def test_the_same_seed_draws_the_same_latencies(distribution: Distribution) -> None:
    assert draws(distribution, 1, 50) == draws(distribution, 1, 50)
    assert draws(distribution, 1, 50) != draws(distribution, 2, 50)
