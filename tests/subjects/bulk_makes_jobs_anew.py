"""Retries the whole extract, job and all, when one request about it fails."""

from bulk_reader import BulkReader
from sync import Failure


class BulkMakesJobsAnew(BulkReader):
    attempts = 1

    def run(self):
        self.seen = set()
        for _ in range(6):
            self.last = ""
            try:
                super().run()
                return
            except Failure as failure:
                self.log(failure)

    def take(self, row):
        if row["Id"] not in self.seen:
            self.seen.add(row["Id"])
            super().take(row)


if __name__ == "__main__":
    BulkMakesJobsAnew().run()
