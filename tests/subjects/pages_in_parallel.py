"""Downloads the pages of a query job by several threads, from the list that `resultPages` gives."""

import csv
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from bulk_reader import BulkReader
from sync import Failure


class PagesInParallel(BulkReader):
    workers = 3

    def __init__(self, env=os.environ):
        super().__init__(env)
        self.writing = Lock()

    def read(self, job):
        if self.end_of(job)["state"] != "JobComplete":
            raise Failure("JOB_FAILED", f"job {job} came to nothing")
        following, urls = f"jobs/query/{job}/resultPages", []
        while following is not None:
            told = self.step("GET", following)
            urls += [self.short(one["resultUrl"]) for one in told["resultPages"]]
            following = self.short(told["nextRecordsUrl"])
        with ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(self.one, urls))
        return True

    def short(self, url):
        return url and url.partition(f"/v{self.env['SF_API_VERSION']}/")[2]

    def one(self, url):
        """Take in a page."""
        for attempt in range(1, self.attempts + 1):
            rows = list(csv.DictReader(io.StringIO(self.step("GET", url), newline="")))
            if self.is_whole(rows):
                break
            self.wait(attempt)
        else:
            raise Failure("RESULTS_CUT", f"{url} never came whole")
        with self.writing, open(self.env["SFMOCK_EFFECTS"], "a", encoding="utf-8") as effects:
            effects.writelines(json.dumps({"sobject": "Contact", "id": row["Id"]}) + "\n" for row in rows)


if __name__ == "__main__":
    PagesInParallel().run()
