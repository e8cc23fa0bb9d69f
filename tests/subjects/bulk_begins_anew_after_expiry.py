"""Takes the end of its session for the end of its jobs."""

from bulk_reader import BulkReader
from sync import Failure


class Anew(Exception):
    pass


class BulkBeginsAnewAfterExpiry(BulkReader):
    def call(self, method, path, **options):
        try:
            return self.exchange(method, path, **options)
        except Failure as failure:
            if failure.code != "INVALID_SESSION_ID":
                raise
            self.refresh()
            raise Anew from None

    def run(self):
        self.seen = set()
        while True:
            self.last = ""
            try:
                return super().run()
            except Anew:
                continue

    def take(self, row):
        if row["Id"] not in self.seen:
            self.seen.add(row["Id"])
            super().take(row)


if __name__ == "__main__":
    BulkBeginsAnewAfterExpiry().run()
