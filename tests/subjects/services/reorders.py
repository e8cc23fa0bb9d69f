"""Broken: hands each event to whichever worker is free."""

import time
from concurrent.futures import ThreadPoolExecutor

from consumer import Consumer


class Pooled(Consumer):
    pool = ThreadPoolExecutor(4)

    def take(self, messages):
        jobs = [self.pool.submit(self.work, message["data"]) for message in messages]
        for job in jobs:
            job.result()
        for message in messages:
            self.keep(message["channel"], message["data"]["event"]["replayId"])

    def apply(self, data):
        # The larger an event is, the longer it takes.
        time.sleep(0.1 if len(self.done) % 4 == 0 else 0.01)


if __name__ == "__main__":
    Pooled().run()
