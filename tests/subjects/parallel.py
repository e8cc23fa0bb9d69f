"""The same delivery by several workers at once, who watch locks, quota and their own number.

As it stands it is correct. The broken ones override one hook each, and nothing else.
"""

import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

from sync import Failure, Sync, main


class Room:
    """Lets a number of calls run at once; `shrink` lowers it."""

    def __init__(self, size):
        self.size = size
        self.running = 0
        self.changed = threading.Condition()

    def __enter__(self):
        with self.changed:
            self.changed.wait_for(lambda: self.running < self.size)
            self.running += 1

    def __exit__(self, *_):
        with self.changed:
            self.running -= 1
            self.changed.notify_all()

    def shrink(self, size):
        with self.changed:
            self.size = max(1, min(self.size, size))


class Parallel(Sync):
    workers = 4
    batch = 20
    ceiling = 0.9

    def __init__(self, env=os.environ):
        super().__init__(env)
        self.room = Room(self.workers)
        self.http.hooks["response"].append(self.note_usage)

    def note_usage(self, response, **_):
        usage = re.search(r"api-usage=(\d+)/(\d+)", response.headers.get("Sforce-Limit-Info", ""))
        if usage and int(usage[1]) >= self.ceiling * int(usage[2]):
            self.on_ceiling(usage[0])

    def on_ceiling(self, usage):
        self.over = self.over or Failure("OWN_CEILING", f"stopped at {usage}")

    def run(self, items):
        groups = {}
        for item in items:
            groups.setdefault((item["sobject"], item["key_field"]), []).append(item)
        batches = [
            (*names, group[start : start + self.batch])
            for names, group in groups.items()
            for start in range(0, len(group), self.batch)
        ]
        with ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(lambda batch: self.deliver(*batch), batches))

    def send(self, sobject, key_field, items):
        try:
            with self.room:
                if self.over is not None:
                    raise self.over
                return super().send(sobject, key_field, items)
        except Failure as failure:
            if "ConcurrentRequests" in failure.message:
                self.on_crowd()
            raise

    def on_crowd(self):
        self.room.shrink(self.room.size // 2)

    def causes_of(self, items, results):
        causes = super().causes_of(items, results)
        if any(code == "UNABLE_TO_LOCK_ROW" for code, _ in causes.values()):
            self.on_lock()
        return causes

    def on_lock(self):
        self.room.shrink(1)


if __name__ == "__main__":
    main(Parallel)
