"""Tries to create a job again and again when the day's batches are spent."""

from bulk_sync import BulkSync, main
from sync import Sync


class AsksForMoreBatches(BulkSync):
    def is_the_end(self, failure):
        return Sync.is_the_end(self, failure)

    def is_transient(self, code):
        return super().is_transient(code) or code == "EXCEEDEDQUOTA"


if __name__ == "__main__":
    main(AsksForMoreBatches)
