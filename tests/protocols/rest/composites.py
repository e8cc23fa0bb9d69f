"""Short ways to write composite requests."""

from __future__ import annotations

from typing import Any

from tests.conftest import Rest

DATA = "/services/data/v60.0"
HALTED = {
    "errorCode": "PROCESSING_HALTED",
    "message": "The transaction was rolled back since another operation in the same transaction failed.",
}


def sub(method: str, url: str, reference: str, body: Any = None, **more: Any) -> dict[str, Any]:
    full = url if url.startswith(("/services", "@", "http")) else DATA + url
    said = {} if body is None else {"body": body}
    return {"method": method, "url": full, "referenceId": reference, **said, **more}


def composite(rest: Rest, *subrequests: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = rest.post("/composite", json={"compositeRequest": list(subrequests), **more})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["compositeResponse"]
    return found


def statuses(answers: list[dict[str, Any]]) -> list[int]:
    return [answer["httpStatusCode"] for answer in answers]


def codes(answers: list[dict[str, Any]]) -> list[str | None]:
    """Return the error code of each answer, None where it is none."""
    return [answer["body"][0]["errorCode"] if answer["httpStatusCode"] >= 400 else None for answer in answers]


def count(rest: Rest, sobject: str) -> int:
    found: int = rest.query(f"SELECT COUNT() FROM {sobject}").json()["totalSize"]
    return found
