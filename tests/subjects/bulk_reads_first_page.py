"""Knows nothing of Sforce-Locator: takes the first page of a job for its whole result."""

from bulk_reader import BulkReader


class BulkReadsFirstPage(BulkReader):
    def page(self, job, locator):
        return super().page(job, locator)[0], "null"


if __name__ == "__main__":
    BulkReadsFirstPage().run()
