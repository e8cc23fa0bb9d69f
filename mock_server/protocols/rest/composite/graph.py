"""`POST /composite/graph`: graphs of requests for records, each of them one transaction."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change
from mock_server.protocols.rest.composite.reading import MOST_READ, Reader, Subrequest
from mock_server.protocols.rest.composite.references import named
from mock_server.protocols.rest.composite.sequence import Answer, failed, peek, reading, request_of, run_together
from mock_server.protocols.rest.replies import DATA, answer, peeked_routes, version_of

MOST_GRAPHS = 75
MOST_NODES = 500
MOST_KINDS = 15
"""Different nodes of a call: by API version, method and object."""
DEEPEST = 15
MOST_FAILED = 14
"""Graphs that may fail before the others are not begun."""
OLDEST = 50
_METHODS = ("DELETE", "GET", "PATCH", "POST")
_GRAPH_ID = re.compile(r"[A-Za-z0-9][^.]{0,38}")
"""Begins with a letter or digit, has fewer than 40 characters and no period (D)."""
_URL = re.compile(
    r"/services/data/v(\d{1,3})\.0/+sobjects/+([^/?]+)((?:/+[^/?]+){0,2})/*(?:\?.*)?", re.IGNORECASE | re.DOTALL
)
_ALLOWED = {0: ("POST",), 1: ("DELETE", "GET", "PATCH"), 2: ("DELETE", "GET", "PATCH", "POST")}
"""The methods of a url by the number of segments that follow its object (D)."""


@dataclass(frozen=True, slots=True)
class _Graph:
    id: str
    nodes: list[Subrequest]


def _peek(call: Call) -> list[Change]:
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return []
    graphs = body.get("graphs") if isinstance(body, dict) else None
    rows: list[Change] = []
    for one in graphs[:MOST_READ] if isinstance(graphs, list) else ():
        if isinstance(one, dict) and len(rows) < MOST_NODES:
            rows += peek(call, one.get("compositeRequest"))
    return rows


@peeked_routes(_peek)(
    Operation(
        "rest.composite.graph", "POST", f"{DATA}/composite/graph", "write", "never", "many", since=50.0,
        summary="Run graphs of requests for records, each all or none",
    )
)  # fmt: skip
async def graph(call: Call) -> Reply:
    graphs, version = _read(call), version_of(call.args["version"])
    out: list[dict[str, Any]] = []
    lost = 0
    for one in graphs:
        # Each is a transaction, within which nothing waits: between them others are served.
        await asyncio.sleep(0)
        if lost > MOST_FAILED:
            answers = [failed(node.reference, errors.PROCESSING_HALTED()) for node in one.nodes]
            for node in one.nodes:
                call.inside.forgo(call, request_of(node), errors.PROCESSING_HALTED())
        else:
            answers = await run_together(call, one.nodes, version, reading)
        whole = not any(answer.failed for answer in answers)
        lost += not whole
        out.append(_item(one, answers, whole))
    return answer({"graphs": out})


def _item(one: _Graph, answers: Sequence[Answer], whole: bool) -> dict[str, Any]:
    return {
        "graphId": one.id,
        "graphResponse": {"compositeResponse": [answer.item() for answer in answers]},
        "isSuccessful": whole,
    }


def _read(call: Call) -> list[_Graph]:
    reader, version = Reader(call), version_of(call.args["version"])
    reader.only(reader.root, ("graphs",))
    graphs: list[_Graph] = []
    seen: set[str] = set()
    items = reader.objects(reader.root, "graphs")
    if len(items) > MOST_GRAPHS:
        raise errors.TOO_MANY_OPERATIONS(most=MOST_GRAPHS, what="graphs")
    for item in items:
        reader.only(item, ("graphId", "compositeRequest"))
        identifier = reader.text(item, "graphId")
        if not _GRAPH_ID.fullmatch(identifier):
            raise errors.INVALID_INPUT(
                text=f"Provided graphId ('{identifier[:100]}') must start with a letter or a number, must have fewer "
                "than 40 characters and can't contain a period ('.')."
            )
        if identifier in seen:
            raise errors.INVALID_INPUT(text="Duplicate graphId provided in the request.")
        seen.add(identifier)
        nodes = reader.subrequests(item, version)
        _check_depth(nodes)
        graphs.append(_Graph(identifier, nodes))
    if sum(len(one.nodes) for one in graphs) > MOST_NODES:
        raise errors.TOO_MANY_OPERATIONS(most=MOST_NODES, what="nodes")
    kinds = {_kind(node) for one in graphs for node in one.nodes}
    if len(kinds) > MOST_KINDS:
        raise errors.TOO_MANY_OPERATIONS(most=MOST_KINDS, what="different nodes")
    return graphs


def _kind(node: Subrequest) -> tuple[str, str, str]:
    """Return what makes a node different from others. Raises INVALID_INPUT for a url that no node can have."""
    found = _URL.fullmatch(node.url)
    if found is None or int(found[1]) < OLDEST:
        raise _unsupported(node)
    tail = [part for part in found[3].split("/") if part]
    if node.method not in _METHODS or node.method not in _ALLOWED[len(tail)]:
        raise _unsupported(node)
    return node.method, found[1], found[2].lower()


def _unsupported(node: Subrequest) -> ApiError:
    return errors.INVALID_INPUT(
        text=f"Composite graphs support only requests for records of an object: {node.method} {node.url[:200]}"
    )


def _check_depth(nodes: Sequence[Subrequest]) -> None:
    """Refuse a graph whose nodes depend on each other over too many levels. What they refer to comes before them."""
    depths: dict[str, int] = {}
    for node in nodes:
        said: Mapping[str, Any] = {"url": unquote(node.url), "body": node.body, "headers": dict(node.headers)}
        depths[node.reference] = 1 + max((depths.get(name, 0) for name in named(said)), default=0)
        if depths[node.reference] > DEEPEST:
            raise errors.TOO_MANY_OPERATIONS(most=DEEPEST, what="levels in a graph")
