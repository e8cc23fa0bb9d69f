"""Takes a download with a good status for whole, however many rows it has."""

from bulk_reader import BulkReader


class BulkTrustsHalfAPage(BulkReader):
    def is_whole(self, rows):
        return True


if __name__ == "__main__":
    BulkTrustsHalfAPage().run()
