"""The table: rows in YAML, each a request and what Salesforce is known to answer, with the source of that knowledge.

`Row` and `Step` say what the keys mean; "Rows of what Salesforce answers" in `mock_server/README.md` has an example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from mock_server.conform.patterns import is_kind, names
from mock_server.documents import Document, DocumentError, Problem, Steps, load, nearest

MARKS = {"R": "recorded", "D": "documented", "K": "recalled"}
_REQUEST = ("ask", "as", "params", "with", "json", "form", "text")
_ANSWER = ("status", "headers", "answer", "answer_text", "elements", "save")
_BEFORE = (*_REQUEST, "save", "until")
_ROW = ("says", "source", "since", "needs", "given", "mock", "before", "departs", *_REQUEST, *_ANSWER)
_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS")
NEEDS = {
    "client": "a connected app: SF_CLIENT_ID and SF_CLIENT_SECRET",
    "password": "a user name and password: SF_USERNAME, SF_PASSWORD (and SF_SECURITY_TOKEN)",
    "key_field": "the custom fields Contact.External_Id__c (text, external id, unique) and Contact.Legacy__c "
    "(text, external id)",
    "refresh_token": "a refresh token: SF_REFRESH_TOKEN",
}
"""What a row may ask of an org, and what to say where that is missing."""
VARIABLES = (
    "version", "marker", "instance", "host", "org", "user", "username", "token", "password", "client_id",
    "client_secret", "basic", "refresh_token", "long", "very_long", "today", "n",
)  # fmt: skip
"""What every run knows: in `password` the security token is part of it, `long` are 300 letters, `very_long` 100,000."""
_ARRANGEMENTS = ("org", "rows", "limit", "expire", "fault", "advance", "renew", "user")


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `params` are encoded into its path, `headers` are added, those that are None left out.

    With `until`, it is asked again until its answer says so, as many as that take time: `{state: JobComplete}`.
    """

    method: str
    path: str
    anonymous: bool
    params: Mapping[str, str]
    headers: Mapping[str, str | None]
    json: Any
    form: Mapping[str, str] | None
    text: str | None
    save: Mapping[str, str]
    until: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One fact. `given` are records to make first, by variable; `since` is the API version that brought it; `departs`
    says why the mock answers otherwise."""

    name: str
    place: str
    says: str
    source: str
    since: float
    needs: tuple[str, ...]
    mock: tuple[Mapping[str, Any], ...]
    departs: str | None
    given: Mapping[str, tuple[str, Mapping[str, Any]]]
    before: tuple[Step, ...]
    ask: Step
    status: int
    headers: Mapping[str, str | None]
    answer: Any
    answer_text: str | None
    elements: str | None

    @property
    def mark(self) -> str:
        return self.source[0]


NOTHING = object()
"""What stands for `answer` where a row says nothing of it."""


@cache
def rows() -> tuple[Row, ...]:
    """Return the bundled table."""
    folder = Path(str(files("mock_server.conform"))) / "rows"
    return tuple(row for file in sorted(folder.glob("*.yaml")) for row in read(file))


def chosen(table: Sequence[Row], patterns: Sequence[str]) -> list[Row]:
    """Return the rows that any of the globs means; all where there is none. Raises ValueError for a glob of none."""
    for pattern in patterns:
        if not any(fnmatchcase(row.name, pattern) for row in table):
            near = nearest(pattern, [row.name for row in table])
            raise ValueError(f"no row is called {pattern!r}{f'; did you mean {near!r}?' if near else ''}")
    return [row for row in table if not patterns or any(fnmatchcase(row.name, glob) for glob in patterns)]


def read(file: Path) -> tuple[Row, ...]:
    """Read the rows of a file: a mapping from names to rows. Raises DocumentError."""
    document = load(file)
    return _Reader(document, file.stem).rows()


class _Reader:
    def __init__(self, document: Document, group: str) -> None:
        self._document = document
        self._group = group
        self._problems: list[Problem] = []

    def rows(self) -> tuple[Row, ...]:
        data = self._document.data
        if not isinstance(data, dict):
            raise DocumentError([f"{self._document.file}:1:1: a table is a mapping from names to rows"])
        out = [self._row(name, row) for name, row in data.items()]
        if self._problems:
            raise self._document.error(self._problems)
        return tuple(row for row in out if row is not None)

    def _wrong(self, path: Steps, message: str, *, at_key: bool = False, allowed: Sequence[str] = ()) -> None:
        near = nearest(path[-1], allowed) if allowed and path else None
        self._problems.append(Problem(path, message, tuple(allowed), near, at_key))

    def _row(self, name: str, row: Any) -> Row | None:
        path: Steps = (name,)
        if not isinstance(row, dict):
            self._wrong(path, "a row is a mapping")
            return None
        for key in row:
            if key not in _ROW:
                self._wrong((*path, key), f"unknown key {key!r}", at_key=True, allowed=_ROW)
        source = str(row.get("source", ""))
        if source[:1] not in MARKS or source[1:2] not in ("", " "):
            self._wrong((*path, "source"), "a source is R, D or K and who says so: R owner/repository")
        if source[:1] == "R" and not source[2:]:
            self._wrong((*path, "source"), "a recorded answer names where it was recorded")
        needs = tuple(row.get("needs") or ())
        for place, need in enumerate(needs):
            if need not in NEEDS:
                self._wrong((*path, "needs", place), f"unknown need {need!r}", allowed=tuple(NEEDS))
        if not isinstance(row.get("status"), int):
            self._wrong((*path, "status"), "a row says which status the answer has")
        mock = tuple(row.get("mock") or ())
        for place, one in enumerate(mock):
            for key in one:
                if key not in _ARRANGEMENTS:
                    self._wrong((*path, "mock", place, key), f"unknown arrangement {key!r}", at_key=True,
                                allowed=_ARRANGEMENTS)  # fmt: skip
        ask = self._step(row, path)
        before = tuple(self._before(row.get("before") or (), (*path, "before")))
        given = dict(self._given(row.get("given") or {}, (*path, "given")))
        self._check_names(row, path, {*VARIABLES, *given, *(saved for step in before for saved in step.save)})
        if ask is None:
            return None
        return Row(
            name=f"{self._group}/{name}",
            place=self._place(path),
            says=str(row.get("says") or name.replace("_", " ")),
            source=source,
            since=float(row.get("since") or 0),
            needs=needs,
            mock=mock,
            departs=row.get("departs"),
            given=given,
            before=before,
            ask=ask,
            status=row.get("status", 0),
            headers=row.get("headers") or {},
            answer=row.get("answer", NOTHING),
            answer_text=row.get("answer_text"),
            elements=row.get("elements"),
        )

    def _place(self, path: Steps) -> str:
        where = self._document.where(path, key=True)
        return f"{Path(where.file).name}:{where.line}"

    def _check_names(self, row: dict[str, Any], path: Steps, known: set[str]) -> None:
        for key, value in row.items():
            for name in names(value):
                if name.partition(".")[0] not in known and not (
                    is_kind(name) and key in ("answer", "answer_text", "headers", "elements")
                ):
                    self._wrong((*path, key), f"there is no variable $({name})")

    def _given(self, given: dict[str, Any], path: Steps) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
        for name, one in given.items():
            if not isinstance(one, dict) or len(one) != 1:
                self._wrong((*path, name), "write one record: {Account: {Name: ...}}")
                continue
            ((sobject, values),) = one.items()
            yield name, (sobject, values)

    def _before(self, steps: Sequence[Any], path: Steps) -> Iterator[Step]:
        for place, given in enumerate(steps):
            here = (*path, place)
            step = {"ask": given} if isinstance(given, str) else given
            for key in step:
                if key not in _BEFORE:
                    self._wrong((*here, key), f"unknown key {key!r}", at_key=True, allowed=_BEFORE)
            read = self._step(step, here)
            if read is not None:
                yield read

    def _params(self, given: dict[str, Any], path: Steps) -> Iterator[tuple[str, str]]:
        for key, value in given.items():
            if not isinstance(value, str):
                self._wrong((*path, key), "a parameter is text; quote one that holds a comma")
            yield key, str(value)

    def _step(self, step: dict[str, Any], path: Steps) -> Step | None:
        method, _, target = str(step.get("ask", "")).partition(" ")
        if method not in _METHODS or not target.startswith("/"):
            self._wrong((*path, "ask"), f"write a method and a path: GET /query (methods: {', '.join(_METHODS)})")
            return None
        if step.get("as") not in (None, "nobody"):
            self._wrong((*path, "as"), "`as: nobody` sends no token; there is no other", allowed=("nobody",))
        return Step(
            method=method,
            path=target,
            anonymous=step.get("as") == "nobody",
            params=dict(self._params(step.get("params") or {}, (*path, "params"))),
            headers=step.get("with") or {},
            json=step.get("json", NOTHING),
            form=step.get("form"),
            text=step.get("text"),
            save=step.get("save") or {},
            until=step.get("until") or {},
        )
