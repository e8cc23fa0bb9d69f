"""Loads its file as it comes, in one job: its batches stand in each other's way."""

from bulk_sync import BulkSync, main


class OneUnsortedJob(BulkSync):
    def in_order(self, items):
        return items


if __name__ == "__main__":
    main(OneUnsortedJob)
