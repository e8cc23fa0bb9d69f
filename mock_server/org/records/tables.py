"""A table of rows as one write: cells of text under one header, as jobs of the Bulk API bring them.

An empty cell says nothing, `#N/A` empties the field. A cell that its field's type cannot read fails its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change, Verb
from mock_server.org.records.headers import Column, Header, check_header, header_of
from mock_server.org.records.misfits import Misfit
from mock_server.org.records.text import NULL, not_valid
from mock_server.org.schema import Schema

__all__ = ["Table", "check_header", "even", "unreadable"]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to save. `rows` are as wide as `columns`; the header is one that `headers.check_header` lets pass.

    `key_field` is that of an upsert. `assign` has assignment rules choose owners, as in `Change`. `refusals` are errors
    that rows get before anything else is asked, by their place: row faults, and rows that could not be read. `lost`
    are the places of platform events that are never delivered.
    """

    verb: Verb
    sobject: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    key_field: str | None = None
    assign: str | None = None
    refusals: Mapping[int, ApiError] = field(default_factory=dict)
    lost: frozenset[int] = frozenset()

    def part(self, start: int, end: int) -> Table:
        """Return some of its rows."""
        refusals = {place - start: error for place, error in self.refusals.items() if start <= place < end}
        lost = frozenset(place - start for place in self.lost if start <= place < end)
        return replace(self, rows=self.rows[start:end], refusals=refusals, lost=lost)

    def changes(self, schema: Schema) -> list[Change]:
        """Return the rows as the changes that they ask for."""
        sobject = schema.get(self.sobject)
        if sobject is None:
            return [Change(self.verb, self.sobject) for _ in self.rows]
        header = header_of(schema, self.verb, sobject, self.columns, self.key_field)
        valued = list(header.valued())
        return [self._change(header, valued, place, row) for place, row in enumerate(self.rows)]

    def _change(self, header: Header, valued: list[tuple[int, Column]], place: int, row: Sequence[str]) -> Change:
        change = Change(
            self.verb,
            self.sobject,
            key_field=self.key_field if self.verb == "upsert" else None,
            refusal=self.refusals.get(place),
            assign=self.assign,
            lost=place in self.lost,
        )
        if change.refusal is not None:
            return change
        if header.id_place is not None:
            identifier = _said(row[header.id_place])
            if self.verb == "upsert":
                change.key = identifier
            else:
                change.id = identifier
        elif header.key_place is not None:
            change.key = _said(row[header.key_place])
            column = header.columns[header.key_place]
            assert column is not None
            change.refusal = unreadable(column, header.key_place, row[header.key_place])
        for at, column in valued:
            cell = row[at]
            if cell == "":
                continue
            change.refusal = change.refusal or unreadable(column, at, cell)
            if change.refusal is not None:
                break
            change.values[column.relationship or column.field.name] = None if cell == NULL else column.value(cell)
        return change


def even(rows: Sequence[Sequence[str]], wide: int) -> tuple[Sequence[Sequence[str]], dict[int, ApiError]]:
    """Return rows that are as wide as their header, and the refusals of those that were not, by their places."""
    if set(map(len, rows)) == {wide}:
        return rows, {}
    refusals = {
        place: errors.RAGGED_ROW(cells=len(row), columns=wide) for place, row in enumerate(rows) if len(row) != wide
    }
    return [row if len(row) == wide else [*row[:wide], *[""] * (wide - len(row))] for row in rows], refusals


def _said(cell: str) -> str | None:
    return None if cell in ("", NULL) else cell


def unreadable(column: Column, place: int, cell: str) -> ApiError | None:
    """Return what is said of a cell that its column's type cannot read; columns are counted from 0 (recorded)."""
    if column.read is None:
        return None
    try:
        column.read(cell)
    except Misfit as misfit:
        return errors.CELL_NOT_READ(column=place, why=not_valid(misfit), fields=[column.field.name])
    except ApiError:
        # It is read, and refused for what it says: the save will tell.
        return None
    return None
