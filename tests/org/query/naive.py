"""Random SOQL over a small world, and what it must answer, worked out over plain lists of dicts.

Nothing here knows SQL or the engine: each node of a query can write itself and can be evaluated on a row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Any

Row = dict[str, Any]
TODAY = date(2026, 3, 18)
"""A Wednesday; the user's time zone is UTC."""

FIELDS: dict[str, dict[str, dict[str, Any]]] = {
    "Account": {"Size__c": {"type": "number", "precision": 8, "scale": 0}},
    "Contact": {
        "Key__c": {"type": "text", "length": 20, "externalId": True, "unique": True},
        "Score__c": {"type": "number", "precision": 6, "scale": 2},
        "Active__c": {"type": "checkbox"},
        "Seen__c": {"type": "datetime"},
        "Level__c": {"type": "picklist", "values": ["low", "mid", "high"]},
        "Tags__c": {"type": "multiselectpicklist", "values": ["red", "green", "blue"]},
    },
}
KINDS = {
    "Account": {"Name": "text", "Size__c": "number", "Parent.Name": "text", "Parent.Size__c": "number"},
    "Contact": {
        "LastName": "text",
        "FirstName": "text",
        "Key__c": "text",
        "Score__c": "number",
        "Active__c": "boolean",
        "Birthdate": "date",
        "Seen__c": "datetime",
        "Level__c": "text",
        "Account.Name": "text",
        "Account.Size__c": "number",
        "Account.Parent.Name": "text",
    },
    "Case": {"Subject": "text", "Contact.LastName": "text", "Contact.Account.Name": "text"},
}
"""What may be selected, compared and sorted, by object."""
_REFERENCES = {
    "Account": ("AccountId", "Account"),
    "Parent": ("ParentId", "Account"),
    "Contact": ("ContactId", "Contact"),
}
_CHILDREN = {"Account": ("Contacts", "Contact", "AccountId"), "Contact": ("Cases", "Case", "ContactId")}
_TEXTS = [
    "Adams",
    "adler",
    "Ärmel",
    "armel",
    "Zoë",
    "zz",
    "O'Hara",
    "100%_sure",
    "back\\slash",
    "Émile",
    "emma",
    "Łukasz",
]


def made() -> dict[str, list[Row]]:
    """Return the world's rows, without ids; references are places in the list of the object they lead to."""
    chance = Random(7)
    accounts: list[Row] = [
        {"Name": name, "Size__c": size, "ParentId": parent}
        for name, size, parent in [
            ("Umbrella", 100, None), ("Acme", 20, 0), ("beta", None, 0), ("Ångström", 20, 1), ("acorn", 7, 3), ("Zeta", 0, None),
        ]
    ]  # fmt: skip
    contacts: list[Row] = []
    for number in range(28):
        maybe = lambda value: value if chance.random() < 0.75 else None  # noqa: E731
        contacts.append(
            {
                "LastName": chance.choice(_TEXTS),
                "FirstName": maybe(chance.choice(["Ann", "bob", "Bob", "Özil", "ann"])),
                "Key__c": maybe(f"{chance.choice('KkéE')}{number}"),
                "Score__c": maybe(chance.choice([-3, 0, 0.5, 10, 10, 20.25, 999])),
                "Active__c": chance.random() < 0.5,
                "Birthdate": maybe((TODAY + timedelta(days=chance.choice([-400, -78, -31, -8, -1, 0, 1, 40]))).isoformat()),
                "Seen__c": maybe(f"2026-03-{chance.choice([1, 17, 18, 18, 19]):02d}T{chance.randrange(24):02d}:30:00.000+0000"),
                "Level__c": maybe(chance.choice(["low", "mid", "high"])),
                "Tags__c": maybe(";".join(sorted(chance.sample(["red", "green", "blue"], chance.randint(1, 3))))),
                "AccountId": maybe(chance.randrange(len(accounts))),
            }
        )  # fmt: skip
    cases: list[Row] = [
        {"Subject": f"case {number % 4}", "ContactId": chance.choice([None, *range(9)])} for number in range(16)
    ]
    return {"Account": accounts, "Contact": contacts, "Case": cases}


class World:
    """Rows with ids, in the order in which they were made."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self.rows = rows
        self._by_id = {row["Id"]: row for some in rows.values() for row in some}

    def value(self, row: Row | None, path: str) -> Any:
        """Return what a path gives from a row: null where a parent is missing."""
        *steps, name = path.split(".")
        for step in steps:
            row = self._by_id.get(row[_REFERENCES[step][0]]) if row else None
        return row[name] if row else None

    def children(self, sobject: str, row: Row) -> list[Row]:
        _, child, key = _CHILDREN[sobject]
        return [one for one in self.rows[child] if one[key] == row["Id"]]


def rank(text: str) -> tuple[str, str]:
    """Return the sort key of a text: its letters without accents and case, then with accents."""
    low = text.lower()
    plain = unicodedata.normalize("NFD", low.replace("ł", "l"))
    return "".join(one for one in plain if unicodedata.category(one) != "Mn"), low


def comparable(value: Any) -> Any:
    return rank(value) if isinstance(value, str) else value


LEVELS = ["low", "mid", "high"]


def sortable(path: str, value: Any) -> Any:
    """Return what a field's value sorts by: a picklist's by its place in the list."""
    return LEVELS.index(value) if path == "Level__c" else comparable(value)


def literal(value: Any, kind: str) -> str:
    if value is None:
        return "null"
    if kind == "text":
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if kind == "boolean":
        return str(value).lower()
    if kind == "datetime":
        return str(value).replace("+0000", "Z")
    return str(value)


# -- conditions


@dataclass
class Test:
    """A condition: its text, and what it says of a row."""

    text: str
    holds: Callable[[World, Row], bool]


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def compare(have: Any, operator: str, want: Any) -> bool:
    """Compare as SOQL does: null equals null alone, and is neither less nor more than anything."""
    if have is None or want is None:
        return {"=": have is want, "!=": have is not want}.get(operator, False)
    return _OPERATORS[operator](comparable(have), comparable(want))


def comparison(chance: Random, world: World, sobject: str) -> Test:
    path, kind = chance.choice([*KINDS[sobject].items()])
    known = [world.value(row, path) for row in world.rows[sobject]]
    draw = lambda: chance.choice([*known, *_EXTRA[kind]])  # noqa: E731
    roll = chance.random()
    if kind == "text" and roll < 0.25:
        return _like(chance, path, draw())
    if roll < 0.45 and kind != "boolean":
        listed = [draw() for _ in range(chance.randint(1, 4))]
        word = chance.choice(["IN", "NOT IN"])
        text = f"{path} {word} ({', '.join(literal(one, kind) for one in listed)})"
        return Test(
            text,
            lambda world, row: any(compare(world.value(row, path), "=", one) for one in listed) == (word == "IN"),
        )
    if roll < 0.6 and kind in ("date", "datetime"):
        return _in_days(chance, path)
    operator = chance.choice(["=", "!="] if kind == "boolean" else [*_OPERATORS])
    want = chance.random() < 0.5 if kind == "boolean" else draw()
    if chance.random() < 0.1:
        operator, want = chance.choice(["=", "!="]), None
    if kind == "boolean" and want is None:
        want = True
    return Test(
        f"{path} {operator} {literal(want, kind)}", lambda world, row: compare(world.value(row, path), operator, want)
    )


_EXTRA: dict[str, list[Any]] = {
    "text": ["ADAMS", "zoe", "nobody", "m", "k1"],
    "number": [0, 3, -2.5, 20],
    "boolean": [True, False],
    "date": ["2026-03-18", "2025-12-31"],
    "datetime": ["2026-03-18T00:00:00.000+0000"],
}


def _like(chance: Random, path: str, value: Any) -> Test:
    text = value or "a"
    start = chance.randrange(len(text))
    part = text[start : start + chance.randint(1, 4)]
    pieces: list[tuple[str, str]] = [(one, re.escape(one)) for one in part]
    if chance.random() < 0.4:
        pieces[chance.randrange(len(pieces))] = ("_", ".")
    if chance.random() < 0.8:
        pieces.append(("%", ".*"))
    if start or chance.random() < 0.3:
        pieces.insert(0, ("%", ".*"))
    shown = ""
    for one, meaning in pieces:
        wild = (one, meaning) in (("_", "."), ("%", ".*"))
        shown += one if wild else {"%": "\\%", "_": "\\_", "'": "\\'", "\\": "\\\\"}.get(one, one)
    pattern = re.compile("".join(meaning for _, meaning in pieces), re.IGNORECASE | re.DOTALL)
    return Test(
        f"{path} LIKE '{shown}'",
        lambda world, row: bool(pattern.fullmatch(world.value(row, path) or "")) and world.value(row, path) is not None,
    )


def _in_days(chance: Random, path: str) -> Test:
    number = chance.choice([1, 7, 31, 100])
    month = TODAY.replace(day=1)
    spans = {
        "TODAY": (TODAY, TODAY),
        "YESTERDAY": (TODAY - timedelta(1), TODAY - timedelta(1)),
        f"LAST_N_DAYS:{number}": (TODAY - timedelta(number), TODAY),
        f"NEXT_N_DAYS:{number}": (TODAY + timedelta(1), TODAY + timedelta(number)),
        "THIS_MONTH": (month, date(2026, 3, 31)),
        "LAST_MONTH": (date(2026, 2, 1), month - timedelta(1)),
        "THIS_WEEK": (date(2026, 3, 15), date(2026, 3, 21)),
        "LAST_YEAR": (date(2025, 1, 1), date(2025, 12, 31)),
        "THIS_FISCAL_QUARTER": (date(2026, 1, 1), date(2026, 3, 31)),
    }
    word, (first, last) = chance.choice([*spans.items()])
    operator = chance.choice([*_OPERATORS])

    def holds(world: World, row: Row) -> bool:
        value = world.value(row, path)
        if value is None:
            return operator == "!="
        day = date.fromisoformat(value[:10])
        return {
            "=": first <= day <= last,
            "!=": not first <= day <= last,
            "<": day < first,
            "<=": day <= last,
            ">": day > last,
            ">=": day >= first,
        }[operator]

    return Test(f"{path} {operator} {word}", holds)


def _includes(chance: Random) -> Test:
    word = chance.choice(["INCLUDES", "EXCLUDES"])
    groups = [chance.sample(["red", "green", "blue"], chance.randint(1, 2)) for _ in range(chance.randint(1, 2))]

    def holds(world: World, row: Row) -> bool:
        have = set((row["Tags__c"] or "").split(";"))
        return any(set(group) <= have for group in groups) == (word == "INCLUDES")

    return Test(f"Tags__c {word} ({', '.join(repr(';'.join(group)) for group in groups)})", holds)


def condition(chance: Random, world: World, sobject: str, depth: int = 2) -> Test:
    roll = chance.random()
    if depth == 0 or roll < 0.4:
        return (
            _includes(chance) if sobject == "Contact" and chance.random() < 0.1 else comparison(chance, world, sobject)
        )
    if roll < 0.55:
        inner = condition(chance, world, sobject, depth - 1)
        return Test(f"(NOT ({inner.text}))", lambda world, row: not inner.holds(world, row))
    parts = [condition(chance, world, sobject, depth - 1) for _ in range(chance.randint(2, 3))]
    word, every = chance.choice([("AND", all), ("OR", any)])
    return Test(
        "(" + f" {word} ".join(part.text for part in parts) + ")",
        lambda world, row: every(part.holds(world, row) for part in parts),
    )


def _semi_join(chance: Random, world: World, sobject: str) -> Test:
    left, inner, chosen = {
        "Account": ("Id", "Contact", "AccountId"),
        "Contact": ("AccountId", "Account", chance.choice(["Id", "ParentId"])),
        "Case": ("ContactId", "Contact", "Id"),
    }[sobject]
    word = chance.choice(["IN", "NOT IN"])
    where = condition(chance, world, inner, 1)

    def holds(world: World, row: Row) -> bool:
        ids = {one[chosen] for one in world.rows[inner] if where.holds(world, one)} - {None}
        return (row[left] in ids) == (word == "IN")

    return Test(f"{left} {word} (SELECT {chosen} FROM {inner} WHERE {where.text})", holds)


# -- queries over records


@dataclass
class Key:
    path: str
    descending: bool
    nulls_last: bool

    def written(self) -> str:
        return f"{self.path}{' DESC' if self.descending else ''}{' NULLS LAST' if self.nulls_last else ''}"


def ordered(world: World, rows: Sequence[Row], keys: Sequence[Key]) -> list[Row]:
    """Sort by keys, the last first: each sort keeps the order of what is equal."""
    out = sorted(rows, key=lambda row: row["Id"])
    for key in reversed(keys):
        full = [row for row in out if world.value(row, key.path) is not None]
        empty = [row for row in out if world.value(row, key.path) is None]
        # Equal rows keep their order in both directions.
        full.sort(key=lambda row: sortable(key.path, world.value(row, key.path)), reverse=key.descending)
        out = full + empty if key.nulls_last else empty + full
    return out


@dataclass
class Select:
    """A query over records."""

    sobject: str
    paths: list[str]
    where: list[Test]
    keys: list[Key]
    limit: int | None
    offset: int
    child: Select | None = None
    alias: str = ""

    def written(self, source: str | None = None) -> str:
        items = [f"{self.alias}.{path}" if self.alias else path for path in self.paths]
        if self.child is not None:
            items.append(f"({self.child.written(_CHILDREN[self.sobject][0])})")
        text = f"SELECT {', '.join(items)} FROM {source or self.sobject}{' ' + self.alias if self.alias else ''}"
        if self.where:
            text += " WHERE " + " AND ".join(test.text for test in self.where)
        if self.keys:
            text += " ORDER BY " + ", ".join(key.written() for key in self.keys)
        text += "" if self.limit is None else f" LIMIT {self.limit}"
        return text + (f" OFFSET {self.offset}" if self.offset else "")

    def answer(self, world: World, rows: Sequence[Row] | None = None) -> list[Row]:
        found = [
            row
            for row in (world.rows[self.sobject] if rows is None else rows)
            if all(test.holds(world, row) for test in self.where)
        ]
        found = ordered(world, found, self.keys)[self.offset :]
        return [self._record(world, row) for row in (found if self.limit is None else found[: self.limit])]

    def _record(self, world: World, row: Row) -> Row:
        out = {path: world.value(row, path) for path in self.paths}
        if self.child is not None:
            children = self.child.answer(world, world.children(self.sobject, row))
            out[_CHILDREN[self.sobject][0]] = children or None
        return out


def select(chance: Random, world: World, sobject: str | None = None, depth: int = 0) -> Select:
    sobject = sobject or chance.choice(["Account", "Contact", "Contact", "Case"])
    kinds = [*KINDS[sobject]]
    where = [condition(chance, world, sobject)] if chance.random() < 0.8 else []
    if depth == 0 and chance.random() < 0.25:
        where += [_semi_join(chance, world, sobject) for _ in range(chance.randint(1, 2))]
    keys = [
        Key(path, chance.random() < 0.5, chance.random() < 0.5)
        for path in chance.sample(kinds, chance.choice([0, 1, 2]))
    ]
    return Select(
        sobject,
        ["Id", *chance.sample(kinds, chance.randint(0, 3))],
        where,
        keys,
        chance.choice([None, None, 0, 1, 3, 10]),
        0 if depth else chance.choice([0, 0, 1, 5]),
        select(chance, world, _CHILDREN[sobject][1], depth + 1)
        if sobject in _CHILDREN and depth < 2 and chance.random() < 0.3
        else None,
        "x" if depth == 0 and not where and chance.random() < 0.3 else "",
    )


def plain(records: Sequence[Row], query: Select) -> list[Row]:
    """Return an answer's records in the form of `Select.answer`."""
    out = []
    for record in records:
        flat: Row = {}
        for path in query.paths:
            value: Any = record
            for step in path.split("."):
                value = value[step] if value is not None else None
            flat[path] = value
        if query.child is not None:
            name = _CHILDREN[query.sobject][0]
            inner = record[name]
            if inner is not None:
                assert inner["totalSize"] == len(inner["records"]) > 0
                assert inner["done"] is True
            flat[name] = None if inner is None else plain(inner["records"], query.child)
        out.append(flat)
    return out


# -- aggregate queries


def _aggregates(sobject: str) -> Iterator[tuple[str, Callable[[World, list[Row]], Any]]]:
    def values(world: World, rows: list[Row], path: str) -> list[Any]:
        return [value for row in rows if (value := world.value(row, path)) is not None]

    def over(path: str, reckon: Callable[[list[Any]], Any]) -> Callable[[World, list[Row]], Any]:
        return lambda world, rows: reckon(values(world, rows, path))

    yield "COUNT(Id)", lambda world, rows: len(rows)
    for path, kind in KINDS[sobject].items():
        if kind == "boolean":
            continue
        yield f"COUNT({path})", over(path, len)
        by = partial(sortable, path)
        yield f"MIN({path})", over(path, lambda some, by=by: min(some, key=by, default=None))
        yield f"MAX({path})", over(path, lambda some, by=by: max(some, key=by, default=None))
        if kind == "number":
            yield f"SUM({path})", over(path, lambda some: sum(some) if some else None)
            yield f"AVG({path})", over(path, lambda some: sum(some) / len(some) if some else None)
            yield f"COUNT_DISTINCT({path})", over(path, lambda some: len(set(some)))


_GROUPS: dict[str, dict[str, Callable[[World, Row], Any]]] = {
    "Contact": {
        "Active__c": lambda world, row: row["Active__c"],
        "Level__c": lambda world, row: row["Level__c"],
        "Account.Name": lambda world, row: world.value(row, "Account.Name"),
        "CALENDAR_YEAR(Birthdate)": lambda world, row: int(row["Birthdate"][:4]) if row["Birthdate"] else None,
        "DAY_IN_MONTH(Birthdate)": lambda world, row: int(row["Birthdate"][8:]) if row["Birthdate"] else None,
        "HOUR_IN_DAY(Seen__c)": lambda world, row: int(row["Seen__c"][11:13]) if row["Seen__c"] else None,
    },
    "Account": {"Parent.Name": lambda world, row: world.value(row, "Parent.Name")},
    "Case": {"Subject": lambda world, row: row["Subject"]},
}  # fmt: skip


@dataclass
class Groups:
    """A query over groups. Every item has an alias, so that an answer is rows of c0, c1, ..."""

    sobject: str
    where: Test | None
    groups: list[str]
    rollup: bool
    items: list[tuple[str, Callable[[World, list[Row]], Any]]]
    having: tuple[int, str, float] | None
    by: list[tuple[int, bool]] = field(default_factory=list)
    limit: int | None = None

    def written(self) -> str:
        names = [*self.groups, *(text for text, _ in self.items)]
        text = f"SELECT {', '.join(f'{name} c{place}' for place, name in enumerate(names))} FROM {self.sobject}"
        if self.where is not None:
            text += f" WHERE {self.where.text}"
        if self.groups:
            listed = ", ".join(self.groups)
            text += f" GROUP BY {f'ROLLUP({listed})' if self.rollup else listed}"
        if self.having is not None:
            place, operator, number = self.having
            text += f" HAVING {self.items[place][0]} {operator} {number}"
        if self.by:
            text += " ORDER BY " + ", ".join(f"{names[place]}{' DESC' if down else ''}" for place, down in self.by)
        return text if self.limit is None else f"{text} LIMIT {self.limit}"

    def answer(self, world: World) -> list[list[Any]]:
        rows = [row for row in world.rows[self.sobject] if self.where is None or self.where.holds(world, row)]
        out = []
        kept = range(len(self.groups), -1, -1) if self.rollup else [len(self.groups)]
        for count in kept:
            buckets: dict[tuple[Any, ...], list[Row]] = {} if self.groups and count else {(): rows}
            for row in rows if count else ():
                key = tuple(_GROUPS[self.sobject][name](world, row) for name in self.groups[:count])
                buckets.setdefault(key, []).append(row)
            for key, some in buckets.items():
                if not some and self.groups:
                    # A total over nothing is a row of its own: the engine's SQL and Salesforce agree.
                    pass
                cells = [reckon(world, some) for _, reckon in self.items]
                if self.having is not None and not compare(cells[self.having[0]], *self.having[1:]):
                    continue
                out.append([*key, *([None] * (len(self.groups) - count)), *cells])
        for place, down in reversed(self.by):
            full = [row for row in out if row[place] is not None]
            empty = [row for row in out if row[place] is None]
            path = [*self.groups, *(text.partition("(")[2].rstrip(")") for text, _ in self.items)][place]
            full.sort(key=lambda row: sortable(path if isinstance(row[place], str) else "", row[place]), reverse=down)
            out = empty + full
        return out if self.limit is None else out[: self.limit]


def groups(chance: Random, world: World) -> Groups:
    sobject = chance.choice(["Contact", "Contact", "Account", "Case"])
    names = chance.sample([*_GROUPS[sobject]], min(chance.choice([0, 1, 1, 2]), len(_GROUPS[sobject])))
    # What is grouped cannot be aggregated.
    grouped = {name.rpartition("(")[2].rstrip(")") for name in names if "(" not in name}
    usable = [one for one in _aggregates(sobject) if one[0].partition("(")[2].rstrip(")") not in grouped]
    items = chance.sample(usable, chance.randint(1, 3))
    countable = [place for place, (text, _) in enumerate(items) if text.startswith(("COUNT", "SUM"))]
    having = None
    if names and countable and chance.random() < 0.4:
        having = (chance.choice(countable), chance.choice([*_OPERATORS]), float(chance.choice([0, 1, 2, 10])))
    rollup = bool(names) and chance.random() < 0.2
    every = [(place, chance.random() < 0.5) for place in range(len(names) + len(items))]
    by = chance.sample(every, chance.randint(0, len(every))) if names else []
    whole = bool(names) and {place for place, _ in by} >= set(range(len(names))) and not rollup
    return Groups(
        sobject,
        condition(chance, world, sobject, 1) if chance.random() < 0.6 else None,
        names,
        rollup,
        items,
        having,
        by,
        chance.choice([None, 1, 5]) if whole else None,
    )
