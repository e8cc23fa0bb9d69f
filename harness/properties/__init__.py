"""The properties that a trial is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from harness.properties import (
    bulk,
    callout,
    dead_letter,
    delivery,
    events,
    idempotency,
    limits,
    read,
    reporting,
    retry,
    security,
    session,
)
from harness.properties.property import Property, Verdict

__all__ = ["ParameterError", "Property", "Verdict", "read_parameters", "registry"]

# In the order of a report: the laws, then their causes.
FAMILIES = (
    delivery,
    retry,
    idempotency,
    bulk,
    read,
    limits,
    session,
    dead_letter,
    events,
    callout,
    reporting,
    security,
)


class ParameterError(ValueError):
    """A parameter that a property does not take. `allowed` names those it does."""

    def __init__(self, message: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allowed = allowed


def registry() -> dict[str, Property[Any]]:
    """Return every property by its public name."""
    return {claim.name: claim for family in FAMILIES for claim in family.PROPERTIES}


def read_parameters(claim: Property[Any], given: Mapping[str, Any] | None) -> Any:
    """Turn the mapping of a scenario's `expect` into a property's parameters. Raises ParameterError."""
    if not given:
        return claim.parameters()
    known = {spec.name: spec for spec in fields(claim.parameters)}  # type: ignore[arg-type]  # always a dataclass
    allowed = tuple(known)
    for name, value in given.items():
        if name not in known:
            takes = f"it takes {', '.join(allowed)}" if allowed else "it takes none"
            raise ParameterError(f"{claim.name} has no parameter {name}; {takes}", allowed)
        if "str" in str(known[name].type):
            if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
                raise ParameterError(f"{claim.name}: {name} must be a list of names, not {value!r}")
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ParameterError(f"{claim.name}: {name} must be a number of at least 0, not {value!r}")
        if "int" in str(known[name].type) and not isinstance(value, int):
            raise ParameterError(f"{claim.name}: {name} must be a whole number, not {value!r}")
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return claim.parameters(**{**given, **lists})
