"""Asks for a job's state five times a second until it has ended."""

import time

from bulk_sync import ENDED, BulkSync, main


class PollsWithoutPause(BulkSync):
    def end_of(self, job):
        while (told := self.look(job))["state"] not in ENDED:
            time.sleep(0.2)
        return told


if __name__ == "__main__":
    main(PollsWithoutPause)
