"""Waits for its retries under the lock that all workers need to send anything."""

import threading

from crew import Crew
from sync import main


class SleepsUnderALock(Crew):
    base = cap = 0.4
    gate = threading.Lock()

    def send(self, sobject, key_field, items):
        with self.gate:
            pass  # one at a time past the rate limiter
        return super().send(sobject, key_field, items)

    def wait(self, attempt):
        with self.gate:
            super().wait(attempt)


if __name__ == "__main__":
    main(SleepsUnderALock)
