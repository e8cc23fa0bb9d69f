"""Gives its rows up when a job cannot be filled, and leaves the job where it is: open."""

from bulk_sync import BulkSync, main


class LeavesJobsOpen(BulkSync):
    def abort(self, job):
        return


if __name__ == "__main__":
    main(LeavesJobsOpen)
