"""How Bulk API 1.0 writes jobs, batches, results and errors: XML with its indents, JSON with its order (recorded)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mock_server.operations import Call, Reply
from mock_server.org import errors
from mock_server.org.clock import stamp
from mock_server.org.errors import ApiError
from mock_server.org.jobs import Batch, Job
from mock_server.org.jobs.results import row_error
from mock_server.xmltext import escaped

JSON = "application/json"
XML = "application/xml"
CSV = "text/csv"
NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
Fields = dict[str, Any]
"""What is said of a job or a batch, in the order of XML; None is not said there."""
_OURS = {
    errors.INVALID_SESSION_ID: errors.INVALID_SESSION,
    errors.NO_TOKEN: errors.INVALID_SESSION,
    errors.INVALID_AUTH_HEADER: errors.INVALID_SESSION,
    errors.BARRED_SESSION: errors.INVALID_SESSION,
    errors.WRONG_HOST: errors.INVALID_SESSION,
    errors.NO_API_SCOPE: errors.INVALID_SESSION,
    errors.EXPIRED_PASSWORD: errors.INVALID_SESSION,
    errors.API_CURRENTLY_DISABLED: errors.FEATURE_NOT_ENABLED,
    errors.UNKNOWN_EXCEPTION: errors.CLASSIC_SERVER_ERROR,
}
"""What this API says in the place of errors of the whole platform."""


@dataclass(slots=True)
class Refusal(Reply):
    """An error on its way out, whose form is chosen once it is known what the call asks for."""

    code: str = ""
    text: str = ""


def render(error: ApiError) -> Reply:
    """Write an error. Whoever is to blame, its status is 400 (recorded for a bad session)."""
    spec = _OURS.get(error.spec)
    code, text = (error.code, error.message) if spec is None else (spec.code, spec.sample().message)
    if error.spec.code == "REQUEST_LIMIT_EXCEEDED":
        code = errors.EXCEEDED_QUOTA.code
    elif error.spec is errors.REQUEST_ENTITY_TOO_LARGE:
        code, text = errors.CLIENT_INPUT_ERROR.code, errors.CLIENT_INPUT_ERROR.sample().message
    elif error.spec is errors.JSON_PARSER_ERROR:
        code = errors.CLIENT_INPUT_ERROR.code
    status = error.status if error.status >= 500 else 400
    return Refusal(status, _error_json(code, text), JSON, code=code, text=text)


def finish(call: Call, reply: Reply) -> Reply:
    """Write an error as XML where neither the call nor the job that it is about speaks JSON."""
    if isinstance(reply, Refusal) and not _in_json(call):
        fields = {"exceptionCode": reply.code, "exceptionMessage": reply.text}
        reply.body, reply.content_type = xml("error", fields), XML
    return reply


def _error_json(code: str, text: str) -> bytes:
    return orjson.dumps({"exceptionCode": code, "exceptionMessage": text})


def kind_of(call: Call) -> str:
    """Return the media type that a call says its body to be."""
    return call.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def speaks_json(call: Call) -> bool:
    """Tell whether a call asks for JSON: by its own Content-Type, or by what it accepts where it has none."""
    kind = kind_of(call)
    return kind == JSON or (not kind and JSON in call.headers.get("Accept", "").lower())


def _in_json(call: Call) -> bool:
    told = call.entry.job if call.entry is not None else None
    job = call.org.jobs.known(told.id) if told is not None else None
    if job is not None and call.operation.name.startswith("bulk1.batch."):
        return is_json(job)
    return speaks_json(call)


def is_json(job: Job) -> bool:
    """Tell whether the batches of a job are spoken of in JSON."""
    return job.content_type.endswith("JSON")


# -- what is said


def _moment(seconds: float) -> str:
    return stamp(float(int(seconds)))


def job_fields(job: Job, batches: Sequence[Batch]) -> Fields:
    states = [batch.state for batch in batches]
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.user_id,
        "createdDate": _moment(job.created),
        "systemModstamp": _moment(job.modified),
        "state": job.state,
        "externalIdFieldName": job.key_field,
        "concurrencyMode": job.concurrency,
        "contentType": job.content_type,
        "numberBatchesQueued": states.count("Queued"),
        "numberBatchesInProgress": states.count("InProgress"),
        "numberBatchesCompleted": states.count("Completed"),
        "numberBatchesFailed": states.count("Failed"),
        "numberBatchesTotal": len(states),
        "numberRecordsProcessed": job.processed,
        "numberRetries": job.retries,
        "apiVersion": job.version,
        "assignmentRuleId": job.assignment_rule,
        "numberRecordsFailed": job.failed,
        "totalProcessingTime": sum(batch.total_ms for batch in batches),
        "apiActiveProcessingTime": sum(batch.api_ms for batch in batches),
        "apexProcessingTime": sum(batch.apex_ms for batch in batches),
    }


def batch_fields(batch: Batch) -> Fields:
    return {
        "id": batch.id,
        "jobId": batch.job_id,
        "state": batch.state,
        "stateMessage": batch.message or None,
        "createdDate": _moment(batch.created),
        "systemModstamp": _moment(batch.modified),
        "numberRecordsProcessed": batch.done,
        "numberRecordsFailed": batch.failed,
        "totalProcessingTime": batch.total_ms,
        "apiActiveProcessingTime": batch.api_ms,
        "apexProcessingTime": batch.apex_ms,
    }


# -- how it is said


def job_reply(call: Call, job: Job, status: int = 200) -> Reply:
    """Answer with a job, in the form in which the call was made."""
    fields = job_fields(job, call.org.jobs.batches_of(job))
    if speaks_json(call):
        # Recorded: JSON says of every key, and of one that XML never has.
        return Reply(status, _sorted({**fields, "fastPathEnabled": False}), JSON)
    return Reply(status, xml("jobInfo", fields), XML)


def batch_reply(job: Job, batch: Batch, status: int = 200) -> Reply:
    """Answer with a batch, in the form of its job."""
    if is_json(job):
        return Reply(status, _sorted(batch_fields(batch)), JSON)
    return Reply(status, xml("batchInfo", batch_fields(batch)), XML)


def batches_reply(job: Job, batches: Iterable[Batch]) -> Reply:
    """Answer with all batches of a job."""
    told = [batch_fields(batch) for batch in batches]
    if is_json(job):
        return Reply(200, orjson.dumps({"batchInfo": told}, option=orjson.OPT_SORT_KEYS), JSON)
    return Reply(200, xml_list("batchInfoList", "batchInfo", told), XML)


def _sorted(fields: Fields) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def xml(root: str, fields: Fields) -> bytes:
    """Write fields below a root element."""
    return f"{_opening(root)}>\n{_elements(fields, ' ')}</{root}>".encode("utf-8", "replace")


def xml_list(root: str, each: str, items: Sequence[Fields]) -> bytes:
    """Write a list of elements that have fields; an empty one closes itself (recorded)."""
    if not items:
        return f"{_opening(root)} />".encode()
    told = "".join(f" <{each}>\n{_elements(fields, '  ')} </{each}>\n" for fields in items)
    return f"{_opening(root)}>\n{told}</{root}>".encode("utf-8", "replace")


def _opening(root: str) -> str:
    return f'{DECLARATION}<{root}\n   xmlns="{NAMESPACE}"'


def _elements(fields: Fields, indent: str) -> str:
    return "".join(
        f"{indent}<{name}>{_text(name, value)}</{name}>\n" for name, value in fields.items() if value is not None
    )


def _text(name: str, value: Any) -> str:
    if name in ("createdDate", "systemModstamp"):
        return str(value).replace("+0000", "Z")
    return escaped(str(value))


# -- results of rows


def results_reply(job: Job, results: Iterator[list[list[Any]]]) -> Reply:
    """Answer with what came of a batch's rows, made while it leaves."""
    form = job.content_type.rpartition("_")[2]
    write, kind = {"CSV": (_csv, CSV), "JSON": (_json, JSON), "XML": (_xml, XML)}[form]
    return Reply(200, b"", kind, pieces=write(results))


def _csv(results: Iterator[list[list[Any]]]) -> Iterator[bytes]:
    yield b'"Id","Success","Created","Error"\n'
    for rows in results:
        lines = []
        for identifier, success, created, failures in rows:
            said = ";".join(row_error(*failure) for failure in failures).replace('"', '""')
            lines.append(f'"{identifier or ""}","{_flag(success)}","{_flag(created)}","{said}"\n')
        yield "".join(lines).encode("utf-8", "replace")


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _json(results: Iterator[list[list[Any]]]) -> Iterator[bytes]:
    between = b"["
    for rows in results:
        items = [
            {
                "success": success,
                "created": created,
                "id": identifier,
                "errors": [
                    {"statusCode": code, "message": message, "fields": fields, "extendedErrorDetails": None}
                    for code, message, fields in failures
                ],
            }
            for identifier, success, created, failures in rows
        ]
        yield between + orjson.dumps(items)[1:-1]
        between = b","
    yield b"[]" if between == b"[" else b"]"


def _xml(results: Iterator[list[list[Any]]]) -> Iterator[bytes]:
    yield f'{DECLARATION}<results xmlns="{NAMESPACE}">'.encode()
    for rows in results:
        yield "".join(map(_result, rows)).encode("utf-8", "replace")
    yield b"</results>"


def _result(row: list[Any]) -> str:
    identifier, success, created, failures = row
    said = "".join(
        f"<errors>{''.join(f'<fields>{escaped(name)}</fields>' for name in fields)}"
        f"<message>{escaped(message)}</message><statusCode>{escaped(code)}</statusCode></errors>"
        for code, message, fields in failures
    )
    own = f"<id>{identifier}</id>" if identifier else ""
    return f"<result>{said}{own}<success>{_flag(success)}</success><created>{_flag(created)}</created></result>"
