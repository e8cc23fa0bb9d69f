"""A compiled part of a formula."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from mock_server.org.formula.kinds import Kind
from mock_server.org.formula.references import FieldReference


@dataclass(frozen=True, slots=True)
class Piece:
    """A compiled part: its kind, the Python expression of its value, and what its surroundings may ask about it."""

    kind: Kind
    code: str
    at: int
    nullable: bool = True
    nest: int = 0
    reference: FieldReference | None = None
    """Set for a bare field."""
    literal: Decimal | str | bool | None = None
    """Set for a text, number or truth value as written."""
    is_literal: bool = False
    prior: bool = False
