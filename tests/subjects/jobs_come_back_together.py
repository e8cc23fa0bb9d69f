"""Loads locked rows again as before: the same jobs, side by side."""

from bulk_parallel import BulkParallel, main


class JobsComeBackTogether(BulkParallel):
    def on_lock(self):
        return


if __name__ == "__main__":
    main(JobsComeBackTogether)
