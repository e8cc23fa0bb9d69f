"""Duplicate rules and matching rules of a project: files of two kinds that make one definition together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mock_server.org.schema.definitions import Definitions
from mock_server.org.schema.errors import Place, SchemaErrors
from mock_server.org.schema.metadata_files import MetadataFile
from mock_server.org.schema.namespaces import Namespace
from mock_server.org.schema.xml_tree import Element

MOST_ALTERNATIVES = 50
_TOKEN = re.compile(r"\s*(\d+|AND|OR|[()])", re.IGNORECASE)
Alternatives = list[list[dict[str, Any]]]


@dataclass
class DuplicateRules:
    """What the files say, until all of them are read."""

    matching: dict[tuple[str, str], Alternatives] = field(default_factory=dict)
    """By object and name, both in lower case: lists of items, of which one must hold."""
    found: list[tuple[int, MetadataFile, str, str, Element]] = field(default_factory=list)
    """Order, file, object, name and root element of each duplicate rule."""

    def take_matching(self, file: MetadataFile, element: Element, names: Namespace) -> str:
        sobject = names.sobject(file.name)
        count = 0
        for rule in element.all("matchingRules"):
            name = rule.get("fullName")
            if name is None:
                raise SchemaErrors.at(Place(file.path, rule.line), "a matching rule needs <fullName>")
            items = []
            for one in rule.all("matchingRuleItems"):
                wanted = one.get("fieldName")
                if wanted is None:
                    raise SchemaErrors.at(Place(file.path, one.line), "an item of a matching rule needs <fieldName>")
                items.append(
                    {
                        "field": names.field(wanted),
                        "method": one.get("matchingMethod") or "Exact",
                        "blank": one.get("blankValueBehavior") or "NullNotAllowed",
                    }
                )
            if not items:
                raise SchemaErrors.at(Place(file.path, rule.line), f"matching rule {name} has no items")
            text = rule.get("booleanFilter")
            try:
                chosen = [list(range(1, len(items) + 1))] if text is None else _alternatives(text, len(items))
            except ValueError as error:
                line = (rule.first("booleanFilter") or rule).line
                raise SchemaErrors.at(Place(file.path, line), str(error)) from None
            self.matching[sobject.lower(), name.lower()] = [[items[place - 1] for place in one] for one in chosen]
            count += 1
        return f"{count} matching rules of {sobject}"

    def take_duplicate(self, file: MetadataFile, element: Element, names: Namespace) -> str:
        owner, _, name = file.name.partition(".")
        if not name:
            raise SchemaErrors.at(
                Place(file.path), "the file of a duplicate rule is called OBJECT.RULE.duplicateRule-meta.xml"
            )
        order = element.get("sortOrder") or "0"
        sobject = names.sobject(owner)
        self.found.append((int(order) if order.isdigit() else 0, file, sobject, names.plain(name), element))
        return f"duplicate rule {sobject}.{name}" + ("" if element.is_true("isActive") else " (not active)")

    def join(self, out: Definitions) -> None:
        """Define the rules, now that all matching rules are known; what compares with nothing known is left out."""
        for _, file, sobject, name, element in sorted(self.found, key=lambda one: (one[0], one[1].path)):
            place = Place(file.path, element.line)
            alternatives: Alternatives = []
            matching = None
            for one in element.all("duplicateRuleMatchRules"):
                other, rule = one.get("matchRuleSObjectType") or sobject, one.get("matchingRule") or ""
                known = self.matching.get((sobject.lower(), rule.lower()))
                where = Place(file.path, one.line)
                if other.lower() != sobject.lower():
                    out.note("warning", where, f"records of {sobject} are not compared with those of {other[:80]}")
                elif known is None:
                    out.note("warning", where, f"matching rule {rule[:80]} is not in the project: it is left out")
                else:
                    matching = matching or rule
                    alternatives += known
            if not alternatives:
                out.note("warning", place, f"duplicate rule {sobject}.{name} has nothing to compare: it is left out")
                continue
            definition: dict[str, Any] = {
                "match": alternatives[0],
                "or": alternatives[1:],
                "matchingRule": matching,
                "active": element.is_true("isActive"),
                "onCreate": (element.get("actionOnInsert") or "Allow").lower(),
                "onUpdate": (element.get("actionOnUpdate") or "Allow").lower(),
                "alert": any(
                    one.text == "Alert"
                    for tag in ("operationsOnInsert", "operationsOnUpdate")
                    for one in element.all(tag)
                ),
            }
            if element.get("alertText") is not None:
                definition["message"] = element.get("alertText")
            standard = {} if sobject.endswith("__c") else {"standard": True}
            out.object(sobject, {"duplicateRules": {name: definition}, **standard})
            out.places.setdefault(("objects", sobject), Place(file.path))
            out.places["objects", sobject, "duplicateRules", name] = place


def _alternatives(text: str, count: int) -> list[list[int]]:
    """Return what a filter such as `1 AND (2 OR 3)` allows: [[1, 2], [1, 3]]. Raises ValueError."""
    tokens: list[str] = []
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None or len(tokens) >= 200:
            raise ValueError(f"the filter {text[:80]!r} is not understood: numbers, AND, OR and parentheses are")
        tokens.append(found[1].upper())
        at = found.end()
    rest = iter([*tokens, ""])
    parser = _Filter(rest, count)
    out = parser.either()
    if parser.token:
        raise ValueError(f"the filter {text[:80]!r} does not end where it should, at {parser.token}")
    return out


class _Filter:
    """Reads a filter by recursive descent; at most 200 words, so that it is never deep."""

    def __init__(self, tokens: Iterator[str], count: int) -> None:
        self._tokens = tokens
        self._count = count
        self.token = next(tokens)

    def _next(self) -> str:
        taken, self.token = self.token, next(self._tokens, "")
        return taken

    def either(self) -> list[list[int]]:
        out = self._both()
        while self.token == "OR":  # noqa: S105
            self._next()
            out = _bounded(out + self._both())
        return out

    def _both(self) -> list[list[int]]:
        out = self._one()
        while self.token == "AND":  # noqa: S105
            self._next()
            right = self._one()
            out = _bounded([sorted({*one, *other}) for one in out for other in right])
        return out

    def _one(self) -> list[list[int]]:
        taken = self._next()
        if taken == "(":
            inner = self.either()
            if self._next() != ")":
                raise ValueError("a parenthesis of the filter is not closed")
            return inner
        if not taken.isdigit() or not 1 <= int(taken) <= self._count:
            raise ValueError(f"the filter names item {taken or 'nothing'}; there are items 1 to {self._count}")
        return [[int(taken)]]


def _bounded(alternatives: list[list[int]]) -> list[list[int]]:
    if len(alternatives) > MOST_ALTERNATIVES:
        raise ValueError(f"the filter allows more than {MOST_ALTERNATIVES} ways to match")
    return alternatives
