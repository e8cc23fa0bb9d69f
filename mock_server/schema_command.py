"""`sfmock schema import`: puts sources of a schema on top of each other and tells what became of every file."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mock_server import schema_sources
from mock_server.documents import DocumentError
from mock_server.org.schema import Schema, standard
from mock_server.org.schema.definitions import Definitions
from mock_server.org.schema.errors import Problem, SchemaErrors

DONE, WRONG = 0, 2


def run(paths: Sequence[Path], out: Path | None, *, as_json: bool) -> int:
    """Print the report; write the definitions where they are right. Return the exit status: 0, or 2 for mistakes."""
    found, schema, errors = _load(paths)
    summary = _summary(found, schema)
    if as_json:
        print(json.dumps(_report(found, schema, errors, summary), indent=2))
    else:
        for note in found.notes:
            print(f"{note.place if note.verdict == 'warning' else note.place.file}: {note.verdict}: {note.text}")
        print(_told(summary) if schema is not None else "nothing is imported: there are errors")
        for error in errors:
            print(error if isinstance(error, str) else str(error), file=sys.stderr)
    if schema is None:
        return WRONG
    if out is not None:
        try:
            out.write_text(written(found, out), encoding="utf-8")
        except OSError as error:
            print(f"sfmock: cannot write {out}: {error.strerror}", file=sys.stderr)
            return WRONG
    return DONE


def _load(paths: Sequence[Path]) -> tuple[Definitions, Schema | None, Sequence[Problem | str]]:
    try:
        found = schema_sources.read(paths)
    except DocumentError as error:
        return Definitions(), None, error.lines
    try:
        return found, Schema.load(found), ()
    except SchemaErrors as error:
        return found, None, error.problems


def written(found: Definitions, file: Path) -> str:
    """Return the definitions as a file that `--schema` takes: JSON for `*.json`, else YAML."""
    data = {kind: given for kind, given in found.data.items() if given}
    if file.suffix.lower() == ".json":
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    # Without aliases: a value set that two fields share is written for both.
    plain = json.loads(json.dumps(data or {"objects": {}}))
    text: str = yaml.dump(plain, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def _summary(found: Definitions, schema: Schema | None) -> dict[str, int]:
    verdicts = [note.verdict for note in found.notes]
    counts = {kind: verdicts.count(kind) for kind in ("taken", "ignored", "warning")}
    if schema is None:
        return counts
    own = schema.own().values()
    # Those of change events are made when somebody asks for them.
    new = [one for one in own if one.name not in standard.rows() and not one.name.endswith("ChangeEvent")]
    known = {one.name: standard.load(one.name) for one in own if one.name in standard.rows()}
    counts["objects"] = len(new)
    counts["changed objects"] = len(known)
    counts["fields"] = sum(
        one.custom and (name not in known or one.name not in known[name].by_name)
        for name, sobject in schema.own().items()
        if not sobject.name.endswith(("__ChangeEvent", "__Share", "__History", "__Feed"))
        for one in sobject.fields
    )
    counts["validation rules"] = sum(len(one.validation_rules) for one in own)
    counts["record types"] = sum(len(one.record_types) for one in own)
    counts["value sets"] = len(found.data["valueSets"])
    counts["records"] = sum(len(rows) for rows in schema.records.values())
    counts["profiles"] = len(found.data.get("profiles", ()))
    counts["permission sets"] = len(found.data.get("permissionSets", ()))
    return counts


def _told(summary: dict[str, int]) -> str:
    files = f"files: {summary['taken']} taken, {summary['ignored']} ignored, {summary['warning']} warnings"
    things = [f"{count} {what}" for what, count in summary.items() if what not in ("taken", "ignored", "warning")]
    return f"{files}\nschema: {', '.join(things)}"


def _report(
    found: Definitions, schema: Schema | None, errors: Sequence[Problem | str], summary: dict[str, int]
) -> dict[str, Any]:
    return {
        "files": [
            {"file": note.place.file, "line": note.place.line, "verdict": note.verdict, "text": note.text}
            for note in found.notes
        ],
        "errors": [
            {"message": error}
            if isinstance(error, str)
            else {
                "file": error.place.file,
                "line": error.place.line,
                "message": error.message,
                "allowed": list(error.allowed),
                "nearest": error.nearest,
            }
            for error in errors
        ],
        "summary": summary,
        "objects": {
            name: {"label": one.label, "keyPrefix": one.key_prefix, "fields": [field.name for field in one.fields]}
            for name, one in (schema.own().items() if schema is not None else ())
        },
    }
