"""How Bulk API 1.0 writes the results of queries: their list, and files of CSV, JSON or XML, made while they leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from mock_server.operations import Reply
from mock_server.org.ids import to_15
from mock_server.org.jobs import Job
from mock_server.org.jobs.classic_queries import ResultFile
from mock_server.protocols.bulk1.forms import CSV, DECLARATION, JSON, NAMESPACE, XML, is_json
from mock_server.xmltext import escaped

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SLICE = 100
"""Records that are written before others are served."""


def result_list(job: Job, ids: list[str]) -> Reply:
    """Answer with the ids of a query's result files, of 15 characters (recorded)."""
    short = [to_15(one) for one in ids]
    if is_json(job):
        return Reply(200, orjson.dumps(short), JSON)
    items = "".join(f"<result>{one}</result>" for one in short)
    text = f'{DECLARATION}<result-list xmlns="{NAMESPACE}">{items}</result-list>'
    return Reply(200, text.encode(), XML)


def result_reply(job: Job, file: ResultFile) -> Reply:
    """Answer with a result file, in the content type of its job."""
    if job.content_type == "CSV":
        return Reply(200, b"", CSV, pieces=_csv(file))
    write, kind = (_json, JSON) if is_json(job) else (_xml, XML)
    return Reply(200, b"", kind, pieces=write(file))


def _csv(file: ResultFile) -> Iterator[bytes]:
    if not file.rows:
        # Recorded by clients that look for it: a result without records has no header either.
        yield b"Records not found for this query"
        return
    yield file.header
    yield from file.parts


def _slices(file: ResultFile) -> Iterator[list[dict[str, Any]]]:
    for part in file.parts:
        records = orjson.loads(part)
        for start in range(0, len(records), _SLICE):
            yield records[start : start + _SLICE]


def _json(file: ResultFile) -> Iterator[bytes]:
    between = b"[ "
    for records in _slices(file):
        yield between + _spread(records)
        between = b", "
    yield b"[ ]" if between == b"[ " else b" ]"


def _spread(records: list[dict[str, Any]]) -> bytes:
    """Write records over several lines, as `jsontext.pretty` does, of which there may be very many."""
    text = b", ".join(orjson.dumps(record, option=orjson.OPT_INDENT_2) for record in records)
    names: set[str] = set()
    for record in records:
        _collect(record, names)
    for name in names:
        # Within a value the second quote would be escaped.
        key = b'"%b"' % name.encode()
        text = text.replace(key + b": ", key + b" : ")
    return text


def _collect(record: dict[str, Any], names: set[str]) -> None:
    names.update(record)
    for value in record.values():
        if isinstance(value, dict):
            _collect(value, names)


def _xml(file: ResultFile) -> Iterator[bytes]:
    yield f'{DECLARATION}<queryResult xmlns="{NAMESPACE}" xmlns:xsi="{_XSI}">'.encode()
    for records in _slices(file):
        yield "".join(_record("records", one) for one in records).encode("utf-8", "replace")
    yield b"</queryResult>"


def _record(name: str, record: dict[str, Any]) -> str:
    kind = record["attributes"]["type"]
    fields = "".join(_field(key, value) for key, value in record.items() if key != "attributes")
    return f'<{name} xsi:type="sObject"><type>{kind}</type>{fields}</{name}>'


def _field(name: str, value: Any) -> str:
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    if isinstance(value, dict):
        return _record(name, value)
    if isinstance(value, bool):
        return f"<{name}>{'true' if value else 'false'}</{name}>"
    return f"<{name}>{escaped(str(value))}</{name}>"
