"""What is wrong with a schema definition, and where."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

Path = tuple[str | int, ...]


class SchemaError(ValueError):
    """A mistake in a definition. `path` leads to it: `("fields", "Contact", "External_Id__c", "lenght")`."""

    def __init__(self, path: Path, message: str, allowed: Iterable[str] = (), nearest: str | None = None) -> None:
        where = ".".join(map(str, path))
        super().__init__(f"{where}: {message}" + (f"; did you mean {nearest}?" if nearest else ""))
        self.path = path
        self.message = message
        self.allowed = tuple(allowed)
        self.nearest = nearest

    @classmethod
    def unknown(cls, path: Path, what: str, given: object, allowed: Iterable[str]) -> SchemaError:
        """Return the error for a name that is none of the allowed ones."""
        choices = {name.lower(): name for name in allowed}
        near = get_close_matches(str(given).lower(), choices, 1)
        # A list of hundreds of objects helps nobody.
        shown = sorted(choices.values()) if len(choices) <= 40 else ()
        return cls(path, f"there is no {what} {given!r}", shown, choices[near[0]] if near else None)
