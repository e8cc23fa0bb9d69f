"""Reads all contacts by a query of Bulk API 1.0 that Salesforce divides into chunks of ids (PK chunking).

As it stands it is correct. The broken one overrides a hook, and nothing else.
"""

import json
import os
import time

import requests
from bulk_sync import content_of
from sync import Failure, Sync

GONE = {"InvalidBatch", "InvalidJob"}
ENDED = ("Completed", "Failed", "NotProcessed", "Not Processed")


class PkChunks(Sync):
    chunk = 250

    def __init__(self, env=os.environ):
        super().__init__(env)
        self.seen = set()

    def exchange(self, method, path, headers=None, **options):
        base = f"{self.client.base_url.partition('/services/')[0]}/services/async/{self.env['SF_API_VERSION']}/"
        own = {"X-SFDC-Session": self.client.session_id, "Content-Type": "application/json; charset=UTF-8"}
        try:
            answer = self.http.request(
                method, base + path, headers=own | (headers or {}), timeout=self.timeout, **options
            )
            if answer.status_code < 300:
                return answer.json()
        except (requests.RequestException, ValueError) as error:
            raise Failure("CONNECTION_LOST", type(error).__name__) from None
        told = content_of(answer)
        if not isinstance(told, dict):
            raise Failure("SERVER_UNAVAILABLE", f"status {answer.status_code}")
        code = told.get("exceptionCode", "UNKNOWN")
        raise Failure("INVALID_SESSION_ID" if code == "InvalidSessionId" else code, told.get("exceptionMessage", ""))

    def step(self, method, path, **options):
        for attempt in range(1, self.attempts + 1):
            try:
                return self.call(method, path, **options)
            except Failure as failure:
                self.log(failure)
                if not self.is_transient(failure.code) or attempt == self.attempts:
                    raise
                self.wait(attempt)
        raise AssertionError

    def run(self):
        while not self.read(self.ask()):
            pass

    def ask(self):
        said = {"operation": "query", "object": "Contact", "contentType": "JSON"}
        chunking = {"Sforce-Enable-PKChunking": f"chunkSize={self.chunk}"}
        job = self.step("POST", "job", json=said, headers=chunking)["id"]
        self.step("POST", f"job/{job}/batch", data="SELECT Id, LastName FROM Contact")
        self.step("POST", f"job/{job}", json={"state": "Closed"})
        return job

    def read(self, job):
        """Take in the results of a job; tell whether all of them were there."""
        try:
            for batch in self.batches(job):
                for record in self.records(job, batch):
                    self.take(record)
        except Failure as failure:
            if failure.code not in GONE:
                raise
            return False
        return True

    def batches(self, job):
        """Wait until all batches have ended, and return them: the first one is not processed, the chunks follow it."""
        pause = 0.05
        while True:
            time.sleep(pause)
            pause = min(2 * pause, 5.0)
            told = self.step("GET", f"job/{job}/batch")["batchInfo"]
            if all(batch["state"] in ENDED for batch in told):
                break
        failed = [batch for batch in told if batch["state"] == "Failed"]
        if failed:
            raise Failure("BATCH_FAILED", failed[0].get("stateMessage") or "")
        return told

    def records(self, job, batch):
        """Return the records of all results of a batch."""
        if batch["state"] != "Completed":
            return []
        path = f"job/{job}/batch/{batch['id']}/result"
        for attempt in range(1, self.attempts + 1):
            found = [record for result in self.step("GET", path) for record in self.step("GET", f"{path}/{result}")]
            if len(found) == batch["numberRecordsProcessed"]:
                return found
            self.log(Failure("RESULTS_CUT", f"{len(found)} of {batch['numberRecordsProcessed']} records"))
            self.wait(attempt)
        raise Failure("RESULTS_CUT", f"batch {batch['id']} never came whole")

    def take(self, record):
        if record["Id"] in self.seen:
            return
        self.seen.add(record["Id"])
        with open(self.env["SFMOCK_EFFECTS"], "a", encoding="utf-8") as effects:
            effects.write(json.dumps({"record": record}) + "\n")


if __name__ == "__main__":
    PkChunks().run()
