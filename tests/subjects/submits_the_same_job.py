"""Submits a job that failed as a whole again as it was, however often."""

from bulk_sync import BulkSync, main


class SubmitsTheSameJob(BulkSync):
    def next_size(self, size):
        return size


if __name__ == "__main__":
    main(SubmitsTheSameJob)
