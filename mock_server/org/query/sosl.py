"""SOSL's grammar: text to a search. What stands in a RETURNING clause is parsed by SOQL's own rules."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query import terms
from mock_server.org.query.context import failure
from mock_server.org.query.fulltext import GROUPS
from mock_server.org.query.grammar import GRAMMAR, read
from mock_server.org.query.syntax import Condition, Path, Query, Value
from mock_server.org.query.trees import builder, path_of, whole_of

if TYPE_CHECKING:
    from lark import Lark, Token

LONGEST = 20_000
MOST_ROWS = 2000
_ADDED = r"""
search: _within _returning _withs _whole_limit purpose*
_within: within?
_returning: returning?
_withs: with_option*
_whole_limit: whole_limit?
within: IN PATH PATH
returning: RETURNING target ("," target)*
target: PATH ("(" items _list_view _where _order _limit _offset ")")?
_list_view: list_view?
list_view: USING PATH OPERATOR PATH
whole_limit: LIMIT NUMBER
with_option: WITH DATA CATEGORY category (AND category)* -> with_categories
    | WITH PATH
    | WITH PATH OPERATOR value
    | WITH PATH IN values
    | WITH PATH "(" PATH OPERATOR NUMBER ")"
RETURNING.3: /returning\b/i
"""
_FIND = re.compile(r"\s*find\b\s*", re.IGNORECASE)
_OPTIONS = frozenset({"division", "highlight", "metadata", "network", "pricebookid", "snippet", "spell_correction"})
"""What WITH may ask for. The org has no divisions, networks or corrections: only METADATA changes the answer."""


@dataclass(frozen=True, slots=True)
class Target:
    """An object of a RETURNING clause. `query` has its fields, WHERE, ORDER BY, LIMIT and OFFSET."""

    query: Query
    recent: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """`words` is None where a search is too long to find anything; no `targets` mean every object."""

    words: terms.Tree | None
    group: str = "ALL"
    targets: tuple[Target, ...] = ()
    limit: int | None = None
    metadata: bool = False
    nothing: bool = False


def parse(sosl: str) -> Search:
    """Return the tree of a search. Raises MALFORMED_SEARCH with Salesforce's text, QUERY_TOO_COMPLICATED."""
    if len(sosl) > LONGEST:
        raise errors.MALFORMED_SEARCH(text=f"SOSL statements can not be longer than {LONGEST} characters")
    found = _FIND.match(sosl)
    if found is None:
        word = (sosl.split() or ["<EOF>"])[0]
        raise errors.MALFORMED_SEARCH(text=f"unexpected token: '{word}'")
    if sosl[found.end() : found.end() + 1] != "{":
        raise errors.MALFORMED_SEARCH(text="No search term found. The search term must be enclosed in braces.")
    start = found.end() + 1
    tokens, end = terms.scan(sosl, start)
    text = sosl[start : end - 1]
    # The rest keeps its places: errors name rows and columns of the whole.
    blank = re.sub(r"[^\n]", " ", sosl[:end])
    with malformed(sosl):
        search: Search = read(_parser(), blank + sosl[end:], shown=sosl)
    words = terms.parse(sosl, tokens, text)
    return replace(search, words=None if len(text) > terms.LONGEST else words)


class malformed:
    """A `with` block whose errors of SOQL's grammar become errors of a search."""

    def __init__(self, sosl: str) -> None:
        self._sosl = sosl

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, _Misplaced):
            raise _unexpected(self._sosl, error) from None
        if isinstance(error, ApiError) and error.code == "MALFORMED_QUERY":
            raise errors.MALFORMED_SEARCH(text=error.message) from None


class _Misplaced(Exception):
    """A word of a search that does not belong where it is."""

    def __init__(self, token: Token, text: str) -> None:
        super().__init__(text)
        self.token = token


def _unexpected(sosl: str, error: _Misplaced) -> ApiError:
    at = error.token.start_pos or 0
    # Counted from 0, as recorded.
    column = max(1, at - (sosl.rfind("\n", 0, at) + 1))
    return failure(errors.MALFORMED_SEARCH, sosl, at, str(error), column=column)


@cache
def _parser() -> Lark:
    from lark import Lark, v_args

    base: Any = builder()

    @v_args(inline=True)
    class Build(base):  # type: ignore[misc]
        def search(self, *clauses: Any) -> Search:
            known = ("group", "targets", "limit", "metadata", "nothing")
            return Search(None, **{name: value for name, value in clauses if name in known})

        def within(self, _: Token, group: Token, fields: Token) -> tuple[str, str]:
            for token, known in ((group, group.upper() in GROUPS), (fields, fields.upper() == "FIELDS")):
                if not known:
                    raise _Misplaced(token, f"Malformed search token: {token}")
            return ("group", group.upper())

        def returning(self, _: Token, *targets: Target) -> tuple[str, tuple[Target, ...]]:
            return ("targets", targets)

        def target(self, name: Token, *parts: Any) -> Target:
            if not parts:
                return Target(Query((Path(("Id",), name.start_pos or 0),), path_of(name)))
            items, *clauses = parts
            found = dict(clauses)
            recent = found.pop("recent", False)
            return Target(Query(items, path_of(name), at=name.start_pos or 0, **found), recent)

        def list_view(self, _: Token, word: Token, sign: Token, name: Token) -> tuple[str, bool]:
            if word.lower() != "listview" or sign != "=":
                raise _Misplaced(word, f"unexpected token: '{word}'")
            if name.lower() != "recent":
                raise _Misplaced(name, f"List view '{name}' does not exist")
            return ("recent", True)

        def whole_limit(self, _: Token, number: Token) -> tuple[str, int]:
            return ("limit", whole_of(number))

        def with_option(self, _: Token, name: Token, *rest: Any) -> tuple[str, bool]:
            if name.lower() not in _OPTIONS:
                raise _Misplaced(name, f"unexpected token: '{name}'")
            value = rest[-1] if rest else None
            labels = isinstance(value, Value) and value.text.upper() == "LABELS"
            return ("metadata", True) if name.lower() == "metadata" and labels else ("option", True)

        def with_categories(self, *_: Any) -> tuple[str, bool]:
            # No record is in a category: an org has none to begin with.
            return ("nothing", True)

    return Lark(GRAMMAR + _ADDED, start="search", parser="lalr", transformer=Build(), maybe_placeholders=False)


def conditions(text: str) -> Condition | None:
    """Return the tree of what stands behind a WHERE. Raises MALFORMED_SEARCH."""
    from mock_server.org.query.grammar import parse as parse_query

    head = "SELECT Id FROM X WHERE "
    with malformed(text):
        return parse_query(head + text).where
