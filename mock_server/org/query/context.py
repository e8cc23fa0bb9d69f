"""The context block in front of a SOQL error: the place in the query, a caret, row and column.

Worked out from recorded messages: the line is cut to about thirty characters on either side, at blanks or commas.
"""

from __future__ import annotations

from mock_server.org.errors import ApiError, ErrorSpec

_REACH = 30


def failure(spec: ErrorSpec, soql: str, at: int, text: str, *, column: int | None = None) -> ApiError:
    """Return an error whose message begins with the context block.

    `at` is the offset of the bad word. `column` is what the message says, counted from 1, when that is not its place.
    A search by parameters is no statement: there is nothing to point at.
    """
    return spec(text=(block(soql, at, column) if soql else "") + text)


def block(soql: str, at: int, column: int | None = None) -> str:
    row_start = soql.rfind("\n", 0, at) + 1
    row_end = soql.find("\n", at)
    row = soql[row_start : len(soql) if row_end < 0 else row_end]
    number = soql.count("\n", 0, at) + 1
    shown = at - row_start + 1 if column is None else column
    place = max(0, shown - 1)
    start = max(0, place - _REACH)
    while start > 0 and row[start - 1] not in " \t,":
        start -= 1
    end = min(len(row), place + _REACH + 1)
    while end < len(row) and row[end] not in " \t,":
        end += 1
    caret = " " * (place - start) + "^"
    return f"\n{row[start:end]}\n{caret}\nERROR at Row:{number}:Column:{shown}\n"
