"""What can be wrong with a formula: when it is read, and when it is worked out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["formula", "validation rule", "default value"]


class FormulaError(ValueError):
    """A formula that does not compile. `at` is the offset of the place; the text is Salesforce's own where known."""

    def __init__(self, text: str, at: int = 0, nearest: str | None = None, *, lacking: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.at = at
        self.nearest = nearest
        """The name that may have been meant."""
        self.lacking = lacking
        """Whether a real org may know what it asks for: a package's field, a function that this org does not have."""


class EvaluationError(ArithmeticError):
    """A value that cannot be worked out: division by zero, text that is no number. People see `#Error!`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A formula of a schema that does not compile, and where it stands."""

    sobject: str
    source: Source
    name: str
    """The field, or the rule."""
    message: str
    row: int
    """In the formula's text, counted from 1; the column too."""
    column: int
    nearest: str | None = None
    lacking: bool = False
    """Whether a real org may well compile it (see FormulaError)."""

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{self.sobject}.{self.name}: {self.source}, line {self.row}, column {self.column}: {self.message}{hint}"


def place(text: str, at: int) -> tuple[int, int]:
    """Return row and column of an offset, both counted from 1."""
    at = max(0, min(at, len(text)))
    return text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
