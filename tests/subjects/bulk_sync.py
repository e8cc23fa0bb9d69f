"""The same delivery by jobs of Bulk API 2.0, in plain HTTP.

As it stands it is correct. The broken ones override one hook each, and nothing else.
"""

import csv
import io
import time
from contextlib import suppress
from types import SimpleNamespace

import requests
from sync import DOUBTFUL, TRANSIENT, Failure, Sync, main

ENDED = ("JobComplete", "Failed", "Aborted")
FILLED = ("INVALIDJOB", "INVALIDJOBSTATE")
"""What is said to a second upload: `Found multiple contents for job`."""
AT_THE_END = {"ExceededQuota", "EXCEEDEDQUOTA"}
"""Whoever is told this has used up the day's batches or jobs."""


class BulkSync(Sync):
    batch = 10_000
    doubtful = DOUBTFUL | {"RESULTS_CUT", "NOT_FOUND", "INVALIDJOB"}
    first_look, longest_look, patience = 0.05, 5.0, 600.0
    ended = ENDED

    # -- one request

    def exchange(self, method, path, headers=None, **options):
        """Send one request; return what its answer holds: an object, or the text of a file."""
        self.retry_after = 0.0
        url, own = self.address(path)
        try:
            answer = self.http.request(method, url, headers={**own, **(headers or {})}, timeout=self.timeout, **options)
            if answer.status_code < 300:
                if "csv" in answer.headers.get("Content-Type", ""):
                    return answer.content.decode("utf-8")
                return answer.json() if answer.content else None
        except (requests.RequestException, ValueError) as error:
            raise Failure("CONNECTION_LOST", type(error).__name__) from None
        raise self.failure_of(SimpleNamespace(status=answer.status_code, content=content_of(answer)))

    def address(self, path):
        """Return the URL of a path, and the header that brings the session there."""
        return self.client.base_url + path, {"Authorization": f"Bearer {self.client.session_id}"}

    def step(self, method, path, *, done=(), **options):
        """Send one request until it succeeds, or its attempts are spent."""
        return self.persist(lambda: self.call(method, path, **options), done)

    def persist(self, act, done=()):
        """Do something until it succeeds, or its attempts are spent.

        `done` are codes that say, after an answer that got lost, that the lost request was done.
        """
        doubtful = False
        for attempt in range(1, self.attempts + 1):
            try:
                return act()
            except Failure as failure:
                if doubtful and failure.code in done:
                    return None
                self.log(failure)
                failure.attempts = attempt
                if self.is_the_end(failure) or not self.is_transient(failure.code) or attempt == self.attempts:
                    failure.spent = True
                    raise
                doubtful = doubtful or failure.code == "CONNECTION_LOST"
                self.wait(attempt)
        raise AssertionError

    def is_the_end(self, failure):
        return super().is_the_end(failure) or failure.code in AT_THE_END

    # -- one job

    def begin(self, sobject, key_field):
        job = {"object": sobject, "operation": "upsert", "externalIdFieldName": key_field, "contentType": "CSV"}
        return self.step("POST", "jobs/ingest", json={**job, "lineEnding": "LF", "columnDelimiter": "COMMA"})["id"]

    def upload(self, job, content):
        self.step(
            "PUT",
            f"jobs/ingest/{job}/batches",
            data=content.encode(),
            headers={"Content-Type": "text/csv; charset=UTF-8"},
            done=FILLED,
        )

    def close(self, job):
        self.step("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"}, done=("INVALIDJOBSTATE",))

    def abort(self, job):
        """Abort a job that leads nowhere; one that has ended meanwhile is as good."""
        with suppress(Failure):
            self.step("PATCH", f"jobs/ingest/{job}", json={"state": "Aborted"}, done=("INVALIDJOBSTATE",))

    def look(self, job):
        return self.step("GET", f"jobs/ingest/{job}")

    def end_of(self, job):
        """Wait until a job has ended; one that takes too long is aborted. Return how it stands."""
        pause, until = self.first_look, time.time() + self.patience
        time.sleep(pause)
        while (told := self.look(job))["state"] not in self.ended:
            if time.time() >= until:
                self.abort(job)
                return self.look(job)
            pause = min(2 * pause, self.longest_look)
            time.sleep(pause)
        return told

    def rows_of(self, job, kind, count):
        """Return the rows of a result file, all of them."""
        for attempt in range(1, self.attempts + 1):
            rows = list(csv.DictReader(io.StringIO(self.file_of(job, kind), newline="")))
            if len(rows) >= count:
                return rows
            self.wait(attempt)
        raise Failure("RESULTS_CUT", f"{len(rows)} of {count} rows in {kind}")

    def file_of(self, job, kind):
        return self.step("GET", f"jobs/ingest/{job}/{kind}/")

    # -- delivery

    def run(self, items):
        groups = {}
        for item in items:
            groups.setdefault((item["sobject"], item["key_field"]), []).append(item)
        for (sobject, key_field), group in groups.items():
            ordered = self.in_order(group)
            for start in range(0, len(ordered), self.batch):
                self.deliver(sobject, key_field, ordered[start : start + self.batch])

    def in_order(self, items):
        """Put the children of one parent together."""
        return sorted(
            items, key=lambda item: str([value for value in item["record"].values() if isinstance(value, dict)])
        )

    def deliver(self, sobject, key_field, items):
        pending, size = items, len(items)
        for attempt in range(1, self.attempts + 1):
            if attempt > 1:
                self.wait(attempt - 1)
            causes, again = {}, []
            for start in range(0, len(pending), size):
                some = pending[start : start + size]
                causes_of_some, fell_through = self.outcome(sobject, key_field, some, attempt)
                causes |= causes_of_some
                again.append(fell_through)
            if any(again):
                size = self.next_size(min(size, len(pending)))
            for item in pending:
                if item["key"] in causes and not self.is_transient(causes[item["key"]][0]):
                    self.give_up(sobject, key_field, [item], causes, attempt)
            pending = self.next_batch(pending, causes)
            if not pending:
                return
        self.give_up(sobject, key_field, pending, causes, self.attempts)

    def next_size(self, size):
        """After a job that failed as a whole, load half as many at once."""
        return max(1, size // 2)

    def outcome(self, sobject, key_field, items, attempt):
        """Load some records by a job. Return the error of each that was not saved, and whether the job fell through.

        What cannot be loaded at all is given up here: its attempts are spent.
        """
        if self.over is not None:
            self.give_up(sobject, key_field, items, self.same_for(items, self.over), attempt - 1)
            return {}, False
        try:
            return self.load(sobject, key_field, items)
        except Failure as failure:
            if self.is_the_end(failure):
                self.over = failure
            self.give_up(
                sobject, key_field, items, self.same_for(items, failure), max(attempt, getattr(failure, "attempts", 1))
            )
            return {}, False

    def same_for(self, items, failure):
        return {item["key"]: (failure.code, failure.message) for item in items}

    def give_up(self, sobject, key_field, items, causes, attempts):
        for item in self.not_landed(sobject, key_field, items, causes):
            self.dead_letter(item, *causes[item["key"]], attempts)

    def load(self, sobject, key_field, items):
        job = self.begin(sobject, key_field)
        try:
            self.upload(job, self.csv_of(key_field, items))
            self.close(job)
        except Failure:
            self.abort(job)
            raise
        told = self.end_of(job)
        return self.causes(job, told, key_field, items), told["state"] == "Failed"

    def causes(self, job, told, key_field, items):
        """Return the error of each record that was not saved."""
        found = {}
        if told.get("numberRecordsFailed"):
            for row in self.rows_of(job, "failedResults", told["numberRecordsFailed"]):
                code, message = error_of(row["sf__Error"])
                found[row[key_field]] = (code, message)
        if told["state"] != "JobComplete":
            left = len(items) - told.get("numberRecordsProcessed", 0)
            why = self.why(told)
            for row in self.rows_of(job, "unprocessedrecords", left):
                found[row[key_field]] = why
        return found

    def why(self, told):
        """Return why a whole job came to nothing: whoever aborts one has a reason, and what cannot be read cannot be read."""
        if told["state"] == "Aborted":
            return "JOB_ABORTED", f"job {told['id']} was aborted"
        text = told.get("errorMessage") or "the job failed"
        code = text.partition(":")[0].strip()
        return (code, text) if code.startswith("Invalid") or code in AT_THE_END else ("JOB_FAILED", text)

    def is_transient(self, code):
        return code in TRANSIENT or code == "JOB_FAILED"

    # -- the file

    def csv_of(self, key_field, items):
        rows = [{key_field: item["key"], **cells_of(item["record"])} for item in items]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(columns)
        writer.writerows([self.cell(row.get(column, "")) for column in columns] for row in rows)
        return text.getvalue()

    def cell(self, value):
        if value is None or value == "":
            return "#N/A"
        return str(value).lower() if isinstance(value, bool) else value


def cells_of(record):
    """Return a record in flat columns: a parent by its key is `Account.Number__c`."""
    cells = {}
    for name, value in record.items():
        if isinstance(value, dict):
            cells |= {f"{name}.{key}": own for key, own in value.items() if key != "attributes"}
        elif name != "attributes":
            cells[name] = value
    return cells


def error_of(text):
    """Read `CODE:message:FIELDS --`."""
    code, _, rest = text.partition(":")
    return code, rest.rpartition(":")[0] or rest or code


def content_of(answer):
    try:
        return answer.json()
    except ValueError:
        return answer.content


if __name__ == "__main__":
    main(BulkSync)
