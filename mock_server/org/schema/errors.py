"""What is wrong with a schema definition, and where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A line of a file; 1 where the whole file is meant. The column is known where the file is YAML."""

    file: str
    line: int = 1
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


class SchemaError(ValueError):
    """A mistake in a definition. `path` leads to it: `("fields", "Contact", "External_Id__c", "lenght")`."""

    def __init__(self, path: Path, message: str, allowed: Iterable[str] = (), nearest: str | None = None) -> None:
        where = ".".join(map(str, path))
        super().__init__(f"{where}: {message}" + (f"; did you mean {nearest}?" if nearest else ""))
        self.path = path
        self.message = message
        self.allowed = tuple(allowed)
        self.nearest = nearest
        self.missing = False
        """Whether what is wrong is that something is not there: perhaps it stands in a file that could not be read."""

    @classmethod
    def unknown(cls, path: Path, what: str, given: object, allowed: Iterable[str]) -> SchemaError:
        """Return the error for a name that is none of the allowed ones."""
        choices = {name.lower(): name for name in allowed}
        near = close(given, choices.values())
        # A list of hundreds of objects helps nobody.
        shown = sorted(choices.values()) if len(choices) <= 40 else ()
        error = cls(path, f"there is no {what} {brief(given)}", shown, near)
        error.missing = what.startswith(("object", "field of", "controlling field", "value set"))
        return error


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a source: where it stands, what is wrong, what is allowed, what is nearest."""

    place: Place
    message: str
    allowed: tuple[str, ...] = ()
    nearest: str | None = None
    path: Path = ()
    """The way to it in the definitions that the source was read into."""

    def __str__(self) -> str:
        out = f"{self.place}: {self.message}"
        if self.nearest:
            out += f"; did you mean {self.nearest!r}?"
        if self.allowed:
            out += f" (allowed: {', '.join(self.allowed)})"
        return out


class SchemaErrors(SchemaError):
    """Everything that is wrong with the sources of a schema, a line a problem: `file:line: message`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.path, first.message, first.allowed, first.nearest)
        self.args = ("\n".join(map(str, problems)),)
        self.problems = tuple(problems)

    @classmethod
    def at(cls, place: Place, message: str, allowed: Iterable[str] = (), nearest: str | None = None) -> SchemaErrors:
        """Return the error for one mistake."""
        return cls([Problem(place, message, tuple(allowed), nearest)])


def close(word: object, choices: Iterable[str]) -> str | None:
    """Return the choice that a wrong word probably meant."""
    text = str(word).lower()
    if len(text) > 200:
        return None
    folded = {choice.lower(): choice for choice in choices}
    near = get_close_matches(text, folded, 1)
    return folded[near[0]] if near else None


def brief(value: object) -> str:
    """Return a value as it is shown in a message."""
    shown = repr(value)
    return shown if len(shown) <= 100 else f"{shown[:97]}..."
