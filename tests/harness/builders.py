"""Builds small worlds of evidence: a journal, commits and letters, written as the control plane writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from types import EllipsisType
from typing import Any

from harness.effects import Effects, Taken
from harness.evidence import ArmedFault, Canary, Evidence, Footprint, Leg, Process
from harness.happenings import Happenings
from harness.inputs import Input
from harness.letters import BrokenLetter, Letter
from harness.linking import link
from harness.plans import Policy
from mock_server.control.client import CommitRow

_NOTHING = Happenings()
UPSERT = "rest.collections.upsert"
CREATE = "rest.collections.create"
PATHS = {
    UPSERT: ("PATCH", "/services/data/v60.0/composite/sobjects/Contact/External_Id__c"),
    CREATE: ("POST", "/services/data/v60.0/composite/sobjects"),
    "rest.query.run": ("GET", "/services/data/v60.0/query"),
    "rest.sobject.create": ("POST", "/services/data/v60.0/sobjects/Contact"),
    "oauth.token": ("POST", "/services/oauth2/token"),
}


def given(number: int, **fields: Any) -> Input:
    """Return the n-th input: a contact with the key K<n>."""
    return Input("Contact", "External_Id__c", f"K{number}", {"LastName": f"Name {number}", **fields})


def letter(number: int, code: str | None = "REQUIRED_FIELD_MISSING", **changes: Any) -> Letter:
    """Return a complete dead letter of the n-th input."""
    values: dict[str, Any] = {
        "record": given(number).record,
        "key": f"K{number}",
        "error_code": code,
        "error_message": "it was refused",
        "attempts": 1,
        "failed_at": "2026-03-01T10:00:00+00:00",
        "raw": "{}",
        "line": number,
    }
    return Letter(**{**values, **changes})


@dataclass
class World:
    """A journal under construction. Every exchange takes half a second and starts one after the other."""

    inputs: int = 2
    entries: list[dict[str, Any]] = field(default_factory=list)
    commits: list[CommitRow] = field(default_factory=list)
    letters: list[Letter | BrokenLetter] | None = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)
    session: str = "s1"
    effects: Effects = field(default_factory=Effects)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    said: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What inputs say besides their last name, by number."""

    def exchange(self, operation: str = UPSERT, status: int | None = 200, **changes: Any) -> int:
        """Add an exchange without rows; return its number."""
        number = len(self.entries) + 1
        method, path = PATHS.get(operation, ("PATCH", "/services/data/v60.0/sobjects/Contact"))
        self.entries.append(
            {
                "number": number,
                "at": float(number),
                "end": number + 0.5,
                "operation": operation,
                "method": method,
                "path": path,
                "query": None,
                "client": "test",
                "user": "integration@sfmock.test",
                "session": self.session,
                "status": status,
                "outcome": "answered",
                "codes": [],
                "unimplemented": False,
                "strikes": [],
                "fingerprint": None if operation in ("oauth.token", "rest.query.run") else f"body of {number}",
                "retry_after": None,
                "rows": [],
                **changes,
            }
        )
        return number

    def send(self, rows: Mapping[int, str | None], operation: str = UPSERT, **changes: Any) -> int:
        """Add a write of the inputs named by number, each with its error code, or None when it was saved."""
        anew = operation.endswith("create")
        body = repr(sorted(rows))
        number = self.exchange(operation, **{"fingerprint": f"body {body}", **changes})
        self.carry(number, rows, anew=anew)
        return number

    def carry(self, number: int, rows: Mapping[int, str | None], *, anew: bool = False) -> None:
        """Add rows to the last exchange, and what was committed of them."""
        for row, code in rows.items():
            created = code is None and (anew or row not in self.ids)
            if created:
                self.ids[row] = f"003{number:06d}{row:06d}AAA"
            values = {"LastName": f"Name {row}"} | ({"External_Id__c": f"K{row}"} if anew else {})
            self.entries[-1]["rows"].append(
                {
                    "verb": "create" if anew else "upsert",
                    "sobject": "Contact",
                    "key_field": None if anew else "External_Id__c",
                    "key": None if anew else f"K{row}",
                    "id": self.ids.get(row) if code is None else None,
                    "success": code is None,
                    "created": created,
                    "codes": [code] if code else [],
                    "values": values,
                    "fingerprint": blake2b(repr(values).encode(), digest_size=8).hexdigest(),
                }
            )
            if code is None:
                stored = {"External_Id__c": f"K{row}", "LastName": f"Name {row}"}
                self.commit(row, "create" if created else "update", stored, number)

    # -- jobs of Bulk API 2.0

    def create_job(self, *, told: bool = True, **changes: Any) -> dict[str, Any]:
        """Add the creation of an upsert job; without `told` its answer is lost. Return the job."""
        number = len(self.entries) + 1
        job = {
            "id": f"750{len(self.jobs) + 1:012d}AAA",
            "api": "ingest",
            "operation": "upsert",
            "sobject": "Contact",
            "state": "Open",
            "concurrency": "Parallel",
            "created": float(number),
            "ended": None,
            "processed": 0,
            "failed": 0,
            "error": None,
            "batches": [],
            "unprocessed": [],
            **changes,
        }
        self.jobs.append(job)
        lost = {} if told else {"outcome": "lost", "status": None, "strikes": [strike(effect="reply", point="reply")]}
        self.about(job, "create", method="POST", fingerprint="job of contacts", **lost)
        return job

    def about(self, job: dict[str, Any], what: str, **changes: Any) -> int:
        """Add an exchange about a job, which says how it stands: `upload`, `close`, `poll`, `results.failed` ..."""
        told = {name: job[name] for name in ("id", "api", "operation", "sobject", "state", "processed", "failed")}
        told |= {"batch": None, "rows": None, "results": None, **changes.pop("says", {})}
        path = f"/services/data/v60.0/jobs/ingest/{job['id']}"
        if what == "create":
            path = "/services/data/v60.0/jobs/ingest"
        return self.exchange(f"bulk2.ingest.{what}", **{"path": path, "job": told, "fingerprint": None, **changes})

    def upload(self, job: dict[str, Any], rows: Mapping[int, str | EllipsisType | None], **changes: Any) -> int:
        """Add the upload of the inputs named by number: each with its error code, None for saved, ... for untouched."""
        worked = {row: code for row, code in rows.items() if not isinstance(code, EllipsisType)}
        number = self.about(
            job, "upload", method="PUT", **{"status": 201, "fingerprint": f"rows {sorted(rows)}", **changes}
        )
        self.carry(number, worked, anew=job["operation"] == "insert")
        job["exchanges"] = {"content": number}
        for row in rows:
            if row not in worked:
                untouched = {"verb": "upsert", "sobject": "Contact", "key_field": "External_Id__c", "key": f"K{row}"}
                untouched |= {"id": None, "success": None, "codes": [], "values": {"LastName": f"Name {row}"}}
                values = untouched["values"]
                untouched["fingerprint"] = blake2b(repr(values).encode(), digest_size=8).hexdigest()
                job["unprocessed"].append({**untouched, "exchange": number})
        job["processed"] += len(worked)
        job["failed"] += sum(code is not None for code in worked.values())
        return number

    def end_job(self, job: dict[str, Any], state: str = "JobComplete", error: str | None = None) -> None:
        job.update(state=state, error=error, ended=float(len(self.entries)))

    def close(self, job: dict[str, Any], **changes: Any) -> int:
        job["state"] = "UploadComplete"
        return self.about(job, "close", method="PATCH", **{"fingerprint": "close", **changes})

    def poll(self, job: dict[str, Any], state: str | None = None, **changes: Any) -> int:
        """Add a poll; a state stands for how the job stood then."""
        told = {"state": state, "processed": 0, "failed": 0} if state else {}
        return self.about(job, "poll", method="GET", says=told, **changes)

    def download(self, job: dict[str, Any], kind: str, rows: int | None = None, **changes: Any) -> int:
        """Add a download of results, of all its rows or as many as are given."""
        whole = {
            "failed": job["failed"],
            "successful": job["processed"] - job["failed"],
            "unprocessed": len(job["unprocessed"]),
        }[kind]
        told = {"processed": None, "failed": None, "results": kind, "rows": whole if rows is None else rows}
        return self.about(job, f"results.{kind}", method="GET", says=told, **changes)

    def load(
        self,
        rows: Mapping[int, str | EllipsisType | None],
        *,
        state: str = "JobComplete",
        error: str | None = None,
        read: Sequence[str] = ("failed", "unprocessed"),
        **job: Any,
    ) -> dict[str, Any]:
        """Add a whole job: created, filled, closed, asked for until it ended, its results read."""
        made = self.create_job(**job)
        self.upload(made, rows)
        self.close(made)
        self.end_job(made, state, error)
        self.poll(made)
        for kind in read:
            self.download(made, kind)
        return made

    def commit(self, row: int, verb: str, values: Mapping[str, Any], exchange: int) -> None:
        number = len(self.commits) + 1
        told = not 0 < exchange <= len(self.entries) or self.entries[exchange - 1]["outcome"] == "answered"
        self.commits.append(
            CommitRow(number, number, verb, "Contact", self.ids[row], float(exchange), exchange, dict(values), told)
        )

    def log_in(self, **changes: Any) -> int:
        """Add a login, whose session is used from then on."""
        self.session = changes.get("session", f"s{int(self.session[1:]) + 1}")
        return self.exchange("oauth.token", **changes)

    def query(
        self, soql: str, rows: int = 1, total: int | None = None, following: str | None = None, **changes: Any
    ) -> int:
        """Add a query and its page."""
        page = {"total": rows if total is None else total, "rows": rows, "next": following}
        return self.exchange("rest.query.run", query=soql, page=page, **changes)

    def more(self, locator: str, rows: int = 0, total: int = 0, following: str | None = None, **changes: Any) -> int:
        """Add the request for a further page; without rows it has no answer to speak of."""
        page = {"total": total, "rows": rows, "next": following} if rows else None
        path = f"/services/data/v60.0/query/{locator}"
        return self.exchange("rest.query.more", **{"path": path, "fingerprint": None, "page": page, **changes})

    def take(self, *numbers: int) -> None:
        """Note contacts as taken in by the subject."""
        lines = [Taken("Contact", f"003{number:012d}AAA", None, None, number) for number in numbers]
        self.effects = replace(self.effects, taken=(*self.effects.taken, *lines))

    def refuse(self, code: str, status: int = 400, operation: str = UPSERT, **changes: Any) -> int:
        """Add an exchange that was refused as a whole."""
        return self.exchange(operation, status, codes=[code], **changes)

    def evidence(
        self,
        *,
        attempts: int | None = None,
        policy: Policy | None = None,
        process: Process | None = None,
        canaries: Sequence[Canary] = (),
        faults: Sequence[ArmedFault] = (),
        legs: Sequence[Leg] = (),
        baseline: World | None = None,
        broken_queue: Evidence | None = None,
        memory: tuple[Footprint, ...] | None = None,
        happenings: Happenings = _NOTHING,
        **more: Any,
    ) -> Evidence:
        """Link the world. `more` are further arguments of `link`."""
        found = link(
            entries=self.entries,
            commits=self.commits,
            inputs=[given(number, **self.said.get(number, {})) for number in range(1, self.inputs + 1)],
            letters=self.letters,
            process=process or Process(0, 1.0),
            policy=policy or (Policy(attempts=attempts) if attempts else None),
            canaries=canaries,
            faults=faults,
            legs=legs,
            effects=self.effects,
            jobs=self.jobs,
            **more,
        )
        return replace(
            found,
            baseline=baseline.evidence() if baseline else None,
            broken_queue=broken_queue,
            memory=memory,
            happenings=happenings,
        )


def strike(rule: str = "fault", effect: str = "status", point: str = "before", rows: int = 0) -> dict[str, Any]:
    return {"rule": rule, "effect": effect, "point": point, "rows": rows}
