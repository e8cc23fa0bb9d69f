"""Redrives: dead letters are delivered again, and once more as if the first time had been forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from harness import inputs as input_rows
from harness.inputs import Input
from harness.letters import CsvQueue, JsonlQueue, Letter, QueueError
from harness.linking import inputs_of
from harness.properties.payload import same
from harness.subjects import CallableSubject, Run, Subject
from mock_server.control.client import ControlError

if TYPE_CHECKING:
    from harness.stage import Stage

Redrive = Subject | Callable[[Run, Sequence[Letter]], object]
"""What delivers dead letters: a command, or a function that is called with the Run and the letters."""

_EDITED = 3
"""Records that somebody else changes before the second redrive."""
_LATER = 60.0
"""Seconds on the org's clock between the first redrive and those changes."""


@dataclass(frozen=True)
class Redriver:
    """Redrives the letters of a stage. With `edits`, some of their records are changed before the second time."""

    how: Redrive
    edits: bool = False

    def run(self, stage: Stage, folder: Path) -> None:
        """Run both redrives; neither where there is no letter of an input. Raises SubjectError and QueueError."""
        letters = [letter for letter in stage.letters() if isinstance(letter, Letter)]
        given = inputs_of(stage.run.inputs, letters)
        rows = {place: _as_lettered(stage.run.inputs[place], letters[numbers[-1]]) for place, numbers in given.items()}
        if not rows:
            return
        subject = self._subject(letters)
        run = _of_rows(stage.run, list(rows.values()), folder / "redrive-inputs.jsonl")
        with _put_back(stage) as put_back:
            stage.follow("redrive", partial(subject.run, run))
            put_back()
            newer = _edit(stage, rows) if self.edits else {}
            stage.follow("redrive again", partial(subject.run, run), newer=newer)
            _restore(stage, newer)

    def _subject(self, letters: Sequence[Letter]) -> Subject:
        if hasattr(self.how, "run"):
            return self.how
        function = self.how
        return CallableSubject(lambda run: function(run, letters))


def _as_lettered(given: Input, letter: Letter) -> Input:
    """Return an input as its letter has it: what the letter lost is missing, what it garbled is wrong."""
    if letter.record is None:
        return given
    kept = {name.lower(): value for name, value in letter.record.items()}
    record = {
        name: value if same(value, kept[name.lower()]) else kept[name.lower()]
        for name, value in given.record.items()
        if name.lower() in kept
    }
    return replace(given, record=record)


def _of_rows(run: Run, rows: Sequence[Input], path: Path) -> Run:
    input_rows.write_jsonl(rows, path)
    return replace(run, inputs=tuple(rows), environment={**run.environment, "SFMOCK_INPUTS": str(path)})


@contextmanager
def _put_back(stage: Stage) -> Iterator[Callable[[], None]]:
    """Offer to put taken letters back into a queue that is a file; after the block it is as before that.

    A queue that cannot be read is left alone. Raises QueueError for one that can be read and not written.
    """
    queue = stage.queue.queue
    path = Path(queue.path) if isinstance(queue, JsonlQueue | CsvQueue) else None
    before = _bytes(path)
    taken: list[bytes] = []

    def put_back() -> None:
        now = _bytes(path)
        if path is None or before is None or now is None or not path.parent.is_dir():
            return
        taken.append(now)
        _write(path, before)

    try:
        yield put_back
    finally:
        if path is not None and taken and path.parent.is_dir():
            _write(path, taken[0])


def _bytes(path: Path | None) -> bytes | None:
    """Return what a queue holds, None where there is none to read: nothing must be written over what is not known."""
    try:
        return path.read_bytes() if path is not None else None
    except FileNotFoundError:
        return b""
    except OSError:
        return None


def _write(path: Path, letters: bytes) -> None:
    try:
        path.write_bytes(letters)
    except OSError as error:
        raise QueueError(f"dead-letter queue {path}: the letters cannot be put back ({error.strerror})") from None


# -- somebody else's changes


def _edit(stage: Stage, rows: Mapping[int, Input]) -> dict[int, dict[str, Any]]:
    """Change a few landed records as another user would, a minute later; return the new values by place."""
    org = stage.run.org
    found: dict[int, dict[str, Any]] = {}
    with suppress(ControlError):
        org.control.advance(_LATER)
        for place, row in rows.items():
            if len(found) == _EDITED:
                break
            values = _edited(stage, row)
            if values:
                found[place] = values
    return found


def _edited(stage: Stage, row: Input) -> dict[str, Any]:
    """Change the first text of a record that may be changed; return it, nothing where there is none."""
    identifiers = _ids(stage, row)
    if len(identifiers) != 1:
        return {}
    for name, value in row.record.items():
        if isinstance(value, str) and value and name.lower() != row.key_field.lower() and "." not in name:
            changed = {name: f"{value[:20]} II"}
            if _patch(stage, row.sobject, identifiers[0], changed):
                return changed
    return {}


def _restore(stage: Stage, newer: Mapping[int, Mapping[str, Any]]) -> None:
    """Take the changes back, so that later runs find what was delivered."""
    for place, values in newer.items():
        row = stage.run.inputs[place]
        with suppress(ControlError):
            for identifier in _ids(stage, row):
                _patch(stage, row.sobject, identifier, {name: row.record.get(name) for name in values})


def _ids(stage: Stage, row: Input) -> list[str]:
    key = row.key.replace("\\", "\\\\").replace("'", "\\'")
    soql = f"SELECT Id FROM {row.sobject} WHERE {row.key_field} = '{key}' LIMIT 2"  # noqa: S608 - names of the scenario
    try:
        return [found["Id"] for found in stage.run.org.control.records(soql)]
    except ControlError:
        return []  # a key that is no text


def _patch(stage: Stage, sobject: str, identifier: str, values: Mapping[str, Any]) -> bool:
    org = stage.run.org
    parts = urlsplit(org.control.url)
    path = f"/services/data/v{org.api_version}/sobjects/{quote(sobject)}/{identifier}"
    headers = {"Authorization": f"Bearer {org.control.mint_token()}", "Content-Type": "application/json"}
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request("PATCH", path, json.dumps(values), headers)
        return connection.getresponse().status == 204
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
