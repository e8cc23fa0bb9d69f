"""What is known of Salesforce's answers is asked for by rows, or stands in `behaviours.yaml` with the reason why not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mock_server import documents
from mock_server.conform.table import NOTHING, rows
from mock_server.org.errors import CATALOGUE

BEHAVIOURS = documents.load(Path(__file__).with_name("behaviours.yaml")).data
WITHOUT_ROW = {
    **{
        f"sfdc.platform.eventbus.grpc.{suffix}": "of gRPC; tests/protocols/pubsub"
        for suffix in (
            "managed.subscription.already.active",
            "schema.validation.failed",
            "service.auth.error",
            "service.unavailable",
            "subscription.fetch.replayid.corrupted",
            "topic.meta.permission",
            "topic.not.found",
        )
    },
    "DEADLINE_EXCEEDED": "of gRPC; tests/protocols/pubsub",
    "FORBIDDEN": "takes Apex",
    "NOT_ACCEPTABLE": "an answer without a body: transport/not_acceptable",
    "URL_NOT_RESET": "of the login host alone",
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": "takes a user whose password has expired",
    "LOGIN_DURING_RESTRICTED_TIME": "takes a user with login hours",
    "LOGIN_DURING_RESTRICTED_DOMAIN": "takes a user with a range of addresses",
    "invalid_scope": "takes an app with few scopes",
    "slow_down": "takes a device that asks too often; tests/protocols/oauth",
    "LOGIN_MUST_USE_SECURITY_TOKEN": "takes a network that is not trusted",
    "INSUFFICIENT_ACCESS": "of the User Interface API, which has its own tests",
    "ILLEGAL_QUERY_PARAMETER_VALUE": "of the User Interface API, which has its own tests",
    "POST_BODY_PARSE_ERROR": "of the User Interface API, which has its own tests",
    "CollisionDetectedException": "of the User Interface API, which has its own tests",
    "FIELD_INTEGRITY_EXCEPTION": "one code with a text for each object's rule; tests/org/standard",
    "STANDARD_PRICE_NOT_DEFINED": "takes a price book of one's own; tests/org/standard",
    "INVALID_INPUT": "the one recorded text came without its code",
    "INVALID_STATUS": "of lead conversion, a call of SOAP",
    "UNDELETE_FAILED": "of undeletion, a call of SOAP",
    "FUNCTIONALITY_NOT_ENABLED": "of queries of Bulk 1.0, in what a batch says of its failure",
}
"""Recorded errors that no row provokes, and why."""


def _listed() -> Iterator[tuple[str, Any]]:
    for behaviours in BEHAVIOURS.values():
        yield from behaviours.items()


def test_every_behaviour_has_rows_or_a_reason() -> None:
    names = [row.name for row in rows()]
    for behaviour, said in _listed():
        if isinstance(said, dict):
            assert list(said) == ["not"] and said["not"], behaviour
            continue
        for glob in said.split():
            assert any(fnmatchcase(name, glob) for name in names), f"{behaviour}: no row is called {glob}"


def test_every_row_is_about_a_behaviour() -> None:
    globs = [glob for _, said in _listed() if isinstance(said, str) for glob in said.split()]
    lost = [row.name for row in rows() if not any(fnmatchcase(row.name, glob) for glob in globs)]
    assert lost == []


def test_every_recorded_error_is_provoked_by_a_row_or_has_a_reason() -> None:
    texts = [row.answer_text or "" for row in rows()]
    said = json.dumps([row.answer for row in rows() if row.answer is not NOTHING]) + " ".join(texts)
    recorded = {spec.code for spec in CATALOGUE if spec.source.startswith("R")}
    found = {code for code in recorded if re.search(rf"\b{re.escape(code)}\b", said, re.IGNORECASE)}
    assert recorded - found - set(WITHOUT_ROW) == set()
    assert set(WITHOUT_ROW) <= recorded - found, "a reason for what has a row, or is no recorded error"
