"""Queries whose answers had further pages, and what was read of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness import soql
from harness.exchanges import Exchange

QUERY = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_query.htm"


class Result(Protocol):
    """What queries and query jobs have in common: a result in pages. `total` are the rows that were announced."""

    @property
    def sobject(self) -> str: ...
    @property
    def total(self) -> int: ...
    @property
    def pages(self) -> Sequence[Exchange]: ...
    @property
    def complete(self) -> bool: ...


@dataclass(slots=True)
class Reading:
    """One query whose answer had further pages. `asked` are the requests for them, `pages` all that arrived."""

    first: Exchange
    sobject: str
    total: int
    following: str | None
    pages: list[Exchange] = field(default_factory=list)
    asked: list[Exchange] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.following is None

    @property
    def rows(self) -> int:
        """The rows that arrived, those of a page that came twice once."""
        return sum(_starts(self.pages).values())

    @property
    def page_size(self) -> int:
        return max(rows_in(page) for page in self.pages)


def rows_in(exchange: Exchange) -> int:
    return exchange.page.rows if exchange.page else 0


def _starts(pages: Iterable[Exchange]) -> dict[int, int]:
    """Return the rows of each page by the place of its first one."""
    return {0 if page.is_query else soql.locator_of(page.path)[1]: rows_in(page) for page in pages}


def readings(exchanges: Sequence[Exchange]) -> list[Reading]:
    """Return the queries whose answers had further pages, in their order."""
    found: list[Reading] = []
    by_locator: dict[str, Reading] = {}
    for exchange in exchanges:
        page = exchange.page if exchange.heard and exchange.failure is None else None
        if exchange.is_query and page is not None and page.following is not None:
            reading = Reading(exchange, soql.object_of(exchange.soql), page.total, page.following, [exchange])
            by_locator[page.following.partition("-")[0]] = reading
            found.append(reading)
        elif exchange.operation == "rest.query.more":
            reading_of = by_locator.get(soql.locator_of(exchange.path)[0])
            if reading_of is None:
                continue
            reading_of.asked.append(exchange)
            if page is not None:
                reading_of.pages.append(exchange)
                if reading_of.following is not None and soql.locator_of(reading_of.following)[1] <= _start(exchange):
                    reading_of.following = page.following
    return found


def _start(exchange: Exchange) -> int:
    return soql.locator_of(exchange.path)[1]
