"""The namespace of a package: in its project names stand without it, in an org with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CUSTOM = re.compile(r"[A-Za-z]\w*?__(?:c|r|e|mdt|x|kav|s|b)")
_QUALIFIED = re.compile(r"[A-Za-z][A-Za-z0-9]{0,14}__[A-Za-z]\w*?__(?:c|r|e|mdt|x|kav|s|b)")
_PIECES = re.compile(r'("(?:[^"\\]|\\.)*+"?|\'(?:[^\'\\]|\\.)*+\'?)|\b([A-Za-z]\w*__(?:c|r|e|mdt|x|kav|s))\b')


@dataclass(frozen=True)
class Namespace:
    prefix: str | None = None

    def sobject(self, name: str) -> str:
        """Return the API name of an object; a standard one has no namespace."""
        if self.prefix is None or not _CUSTOM.fullmatch(name) or _QUALIFIED.fullmatch(name):
            return name
        return f"{self.prefix}__{name}"

    field = sobject

    def plain(self, name: str) -> str:
        """Return the name of what has no suffix: a value set, a rule, a record type."""
        return name if self.prefix is None or "__" in name else f"{self.prefix}__{name}"

    def bare(self, name: str) -> str:
        """Return a relationship name as it stands on the parent, without `__r`."""
        return self.plain(name)

    def formula(self, text: str) -> str:
        """Return a formula in which the custom names have the namespace; texts in quotes stay."""
        if self.prefix is None:
            return text
        return _PIECES.sub(lambda found: found[1] or self.sobject(found[2]), text)
