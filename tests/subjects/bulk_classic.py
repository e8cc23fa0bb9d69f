"""The same delivery by Bulk API 1.0 in JSON: a job with one batch for each part of the records.

As it stands it is correct.
"""

import json

from bulk_sync import AT_THE_END, BulkSync, error_of, main
from sync import Failure

ENDED = ("Completed", "Failed", "NotProcessed", "Not Processed")
CODES = {"InvalidSessionId": "INVALID_SESSION_ID"}


class BulkClassic(BulkSync):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.batches = {}

    # -- one request

    def address(self, path):
        if not path.startswith("job"):
            return super().address(path)
        return self.client.bulk_url + path, {"X-SFDC-Session": self.client.session_id}

    def failure_of(self, error):
        content = error.content
        if isinstance(content, dict) and "exceptionCode" in content:
            code = content["exceptionCode"]
            return Failure(CODES.get(code, code), content.get("exceptionMessage") or code)
        return super().failure_of(error)

    # -- one job

    def begin(self, sobject, key_field):
        job = {"object": sobject, "operation": "upsert", "externalIdFieldName": key_field, "contentType": "JSON"}
        return self.step("POST", "job", json=job)["id"]

    def csv_of(self, key_field, items):
        return json.dumps([{key_field: item["key"], **item["record"]} for item in items])

    def upload(self, job, content):
        """Add the batch; after an answer that got lost look first whether it is there."""
        for attempt in range(1, self.attempts + 1):
            try:
                told = self.call("POST", f"job/{job}/batch", data=content, headers={"Content-Type": "application/json"})
                self.batches[job] = told["id"]
                return
            except Failure as failure:
                self.log(failure)
                failure.attempts = attempt
                if self.is_the_end(failure) or not self.is_transient(failure.code) or attempt == self.attempts:
                    raise
                self.wait(attempt)
                if failure.code in self.doubtful:
                    there = self.step("GET", f"job/{job}/batch")["batchInfo"]
                    if there:
                        self.batches[job] = there[-1]["id"]
                        return

    def close(self, job):
        """Close a job; of one that somebody else has ended the batch tells."""
        try:
            self.step("POST", f"job/{job}", json={"state": "Closed"}, done=("InvalidJobState",))
        except Failure as failure:
            if failure.code != "InvalidJobState":
                raise

    def abort(self, job):
        try:
            self.step("POST", f"job/{job}", json={"state": "Aborted"}, done=("InvalidJobState",))
        except Failure as failure:
            self.log(failure)

    ended = ENDED

    def look(self, job):
        return self.step("GET", f"job/{job}/batch/{self.batches[job]}")

    def is_failed(self, told):
        return told["state"] == "Failed"

    def causes(self, job, told, key_field, items):
        """Results stand in the order of the records; a batch that failed has those of the records it had come to."""
        done = told["numberRecordsProcessed"]
        results = self.results_of(job, done) if done else []
        found = {item["key"]: self.why(told) for item in items[done:]}
        for item, result in zip(items, results, strict=False):
            if not result["success"]:
                found[item["key"]] = self.error_in(result["errors"])
        return found

    def results_of(self, job, count):
        for attempt in range(1, self.attempts + 1):
            results = self.step("GET", f"job/{job}/batch/{self.batches[job]}/result")
            if len(results) >= count:
                return results
            self.wait(attempt)
        raise Failure("RESULTS_CUT", f"{len(results)} of {count} results")

    def error_in(self, errors):
        if isinstance(errors, str):
            return error_of(errors)
        return errors[0]["statusCode"], errors[0]["message"]

    def why(self, told):
        if told["state"] != "Failed":
            return "JOB_ABORTED", f"batch {told['id']} was not processed"
        text = told.get("stateMessage") or "the batch failed"
        code = text.partition(":")[0].strip()
        return (code, text) if code.startswith("Invalid") or code in AT_THE_END else ("JOB_FAILED", text)


if __name__ == "__main__":
    main(BulkClassic)
