"""Knows no other way on than the locator it was given, and the job it has made."""

from bulk_reader import BulkReader


class BulkDiesWithItsLocator(BulkReader):
    def without_result(self, failure):
        raise failure


if __name__ == "__main__":
    BulkDiesWithItsLocator().run()
