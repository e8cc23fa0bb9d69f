"""Reads all contacts by query jobs of Bulk API 2.0, page by page, in plain HTTP.

As it stands it is correct. The broken ones override one hook each, and nothing else.
"""

import csv
import io
import json
import os
import threading

from bulk_sync import BulkSync
from sync import Failure

GONE = {"INVALID_QUERY_LOCATOR", "NOT_FOUND", "INVALIDJOB"}


class BulkReader(BulkSync):
    page_size = 400

    def __init__(self, env=os.environ):
        super().__init__(env)
        self.last = ""
        self.mine = threading.local()
        self.http.hooks["response"].append(self.note_headers)

    def note_headers(self, response, **_):
        self.mine.told = response.headers

    def run(self):
        while not self.read(self.ask()):
            pass

    def ask(self):
        """Make a job for what comes after the last record; return its id."""
        after = f" WHERE Id > '{self.last}'" if self.last else ""
        soql = f"SELECT Id, LastName, Description FROM Contact{after} ORDER BY Id"
        return self.step("POST", "jobs/query", json={"operation": "query", "query": soql})["id"]

    def look(self, job):
        return self.step("GET", f"jobs/query/{job}")

    def abort(self, job):
        self.step("PATCH", f"jobs/query/{job}", json={"state": "Aborted"}, done=("INVALIDJOBSTATE",))

    def read(self, job):
        """Take in the result of a job; tell whether all of it was there."""
        try:
            state = self.end_of(job)["state"]
            if state != "JobComplete":
                raise Failure("JOB_FAILED", f"job {job} is {state}")
            locator = None
            while locator != "null":
                rows, locator = self.page(job, locator)
                for row in rows:
                    self.take(row)
        except Failure as failure:
            return self.without_result(failure)
        return True

    def without_result(self, failure):
        """Tell whether to go on with another job when a result is not there any more."""
        if failure.code not in GONE:
            raise failure
        return False

    def page(self, job, locator):
        """Return the rows of a page, all of them, and the locator of the next one."""
        asked = {"maxRecords": self.page_size, **({"locator": locator} if locator else {})}
        for attempt in range(1, self.attempts + 1):
            text = self.step("GET", f"jobs/query/{job}/results", params=asked)
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
            if self.is_whole(rows):
                return rows, self.mine.told["Sforce-Locator"]
            self.log(Failure("RESULTS_CUT", f"{len(rows)} of {self.mine.told['Sforce-NumberOfRecords']} rows"))
            self.wait(attempt)
        raise Failure("RESULTS_CUT", f"page {locator} of job {job} never came whole")

    def is_whole(self, rows):
        return len(rows) == int(self.mine.told["Sforce-NumberOfRecords"])

    def take(self, row):
        self.last = row["Id"]
        with open(self.env["SFMOCK_EFFECTS"], "a", encoding="utf-8") as effects:
            effects.write(json.dumps({"sobject": "Contact", "id": row["Id"], "record": row}) + "\n")


if __name__ == "__main__":
    BulkReader().run()
