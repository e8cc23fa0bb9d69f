"""`POST /composite/batch`: up to 25 requests that know nothing of each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mock_server.multipart import is_multipart
from mock_server.operations import Call, Operation, Reply, Request
from mock_server.org import errors
from mock_server.org.records.changes import Change
from mock_server.protocols.rest.blobs import parts_of
from mock_server.protocols.rest.composite.reading import METHODS, Reader, written
from mock_server.protocols.rest.composite.sequence import body_of, peek, reading
from mock_server.protocols.rest.replies import DATA, answer, error_item, peeked_routes, version_of

MOST = 25
OLDEST = 34
"""The oldest version that a subrequest may name."""
_ROOT = "/services/data/"
_VERSION = re.compile(r"v(\d{1,3})\.0(?=[/?]|$)")


@dataclass(frozen=True, slots=True)
class _Batch:
    requests: list[Request]
    halt: bool


def _peek(call: Call) -> list[Change]:
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return []
    return peek(call, body.get("batchRequests"), _ROOT) if isinstance(body, dict) else []


@peeked_routes(_peek)(
    Operation(
        "rest.composite.batch", "POST", f"{DATA}/composite/batch", "write", "never", "many", since=34.0,
        summary="Run up to 25 independent requests",
    ),
    Operation("rest.composite.batch", "POST", f"{DATA}/tooling/composite/batch", "write", "never", "many", since=40.0),
)  # fmt: skip
async def batch(call: Call) -> Reply:
    asked = _read(call)
    results: list[dict[str, Any]] = []
    halted = False
    for request in asked.requests:
        if halted:
            error = errors.BATCH_PROCESSING_HALTED()
            call.inside.forgo(call, request, error)
            results.append({"statusCode": error.status, "result": [error_item(error)]})
            continue
        reply = await call.inside.run(call, request, _admit, counted=True)
        results.append({"statusCode": reply.status, "result": body_of(reply)})
        halted = asked.halt and reply.status >= 400
    return answer({"hasErrors": any(one["statusCode"] >= 400 for one in results), "results": results})


def _admit(operation: Operation) -> None:
    reading(operation)
    if operation.name.startswith("rest.collections."):
        # The documentation lists what a batch may hold; collections are not among it.
        raise errors.NOT_IN_COMPOSITE(resource=operation.path.partition("{version}")[2])


def _read(call: Call) -> _Batch:
    """Read the body: JSON, or multipart with files that the subrequests name."""
    kind = call.headers.get("Content-Type", "")
    files: dict[str, bytes] = {}
    if is_multipart(kind):
        parts = parts_of(kind, call.body)
        said = next((body for _, body, is_json in parts if is_json), None)
        if said is None:
            raise errors.INVALID_INPUT(text="Multipart message must include a non-binary part")
        files = {name: body for name, body, is_json in parts if not is_json}
        reader = Reader(_with_body(call, said))
    else:
        reader = Reader(call)
    root = reader.root
    reader.only(root, ("batchRequests", "haltOnError"))
    halt = reader.boolean(root, "haltOnError", False)
    items = reader.objects(root, "batchRequests")
    if len(items) > MOST:
        raise errors.TOO_MANY_OPERATIONS(most=MOST, what="operations")
    newest = version_of(call.args["version"])
    return _Batch([_request(reader, item, newest, files) for item in items], halt)


def _with_body(call: Call, body: bytes) -> Call:
    return Call(
        call.operation, call.method, call.raw_path, call.raw_query, {"Content-Type": "application/json"}, body,
        call.base_url,
    )  # fmt: skip


def _request(reader: Reader, item: Mapping[str, Any], newest: int, files: Mapping[str, bytes]) -> Request:
    reader.only(item, ("method", "url", "richInput", "binaryPartName", "binaryPartNameAlias"))
    method = reader.text(item, "method").upper()
    reader.method({"method": method}, METHODS)
    url = reader.text(item, "url")
    path = url.removeprefix(_ROOT).lstrip("/")
    version = _VERSION.match(path)
    if version is None:
        raise reader.wrong("url", "The url of a subrequest must begin with its API version, as v60.0 does")
    if not OLDEST <= int(version[1]) <= newest:
        raise errors.INVALID_INPUT(
            text=f"The API version of a subrequest must be between {OLDEST}.0 and that of the batch: {version[0]}"
        )
    body = item.get("richInput")
    name = reader.text(item, "binaryPartName", "")
    alias = reader.text(item, "binaryPartNameAlias", "")
    if bool(name) != bool(alias):
        raise reader.missing("binaryPartNameAlias" if name else "binaryPartName")
    if name:
        if name not in files:
            raise errors.INVALID_INPUT(text=f"There is no binary part of the name {name[:100]} in the request")
        content_type, content = _multipart(written({} if body is None else body), alias, files[name])
        return Request(method, _ROOT + path, {}, content, content_type, inherits=True)
    return Request(method, _ROOT + path, {}, b"" if body is None else written(body), inherits=True)


def _multipart(entity: bytes, alias: str, content: bytes) -> tuple[str, bytes]:
    """Return content type and body of the multipart request that a subrequest with a file stands for."""
    number = 0
    while (mark := f"part-{number}".encode()) in content or mark in entity:
        number += 1
    name = re.sub(r"[^\w-]", "", alias).encode()
    body = b"\r\n".join(
        (
            b"--" + mark, b'Content-Disposition: form-data; name="entity"', b"Content-Type: application/json", b"",
            entity, b"--" + mark, b'Content-Disposition: form-data; name="' + name + b'"; filename="file"',
            b"Content-Type: application/octet-stream", b"Content-Transfer-Encoding: binary", b"", content,
            b"--" + mark + b"--", b"",
        )
    )  # fmt: skip
    return f'multipart/form-data; boundary="{mark.decode()}"', body
