"""A bound query: one SQL statement a level, and what turns its rows into records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mock_server.org.query.derived import Wanted
from mock_server.org.query.rows import Build
from mock_server.org.query.scope import Moment, Parameter
from mock_server.org.query.syntax import Query
from mock_server.org.schema.types import Field, SObject

PARENTS = object()
"""Stands among a child query's parameters for the ids of the parents of the page."""
ME = object()
"""Stands among a query's parameters for the id of the user who runs it."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A field that a query selects, in the order of its SELECT: `Account.Name`, and the SQL of its value.

    That of a compound field is empty: its parts are columns of their own.
    """

    name: str
    sql: str
    field: Field


@dataclass(frozen=True)
class Plan:
    """A bound query. Rows come as tuples whose first column is the Id; `parent_column` is a child query's parent.

    `most` is set for groups, which have neither ids nor further pages: more rows are an error.
    """

    sobject: SObject
    sql: str
    parameters: tuple[Parameter, ...]
    build: Build | None
    children: tuple[Plan, ...] = ()
    count: bool = False
    most: int | None = None
    touched: tuple[SObject, ...] = ()
    parent_column: int = 0
    purposes: frozenset[str] = frozenset()
    """What the records are read for: VIEW, REFERENCE, UPDATE."""
    single: bool = False
    """Whether it may have one record at most."""
    wanted: Wanted | None = None
    """What of the schema must be worked out into rows first."""
    query: Query | None = None
    chosen: tuple[Chosen, ...] = ()
    head: str = ""
    """What `sql` selects, between SELECT and FROM; none of its parameters stands in it."""

    @cached_property
    def variable(self) -> bool:
        """Whether a parameter depends on the day the query runs, or on who runs it."""
        return any(isinstance(value, Moment) or value is ME for value in self.parameters)
