"""The integration as it should be, with several workers: one record a request, each worker with a client of its own."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sync import Sync, main


class Crew(Sync):
    workers = 4
    batch = 1
    pace = 0.0
    """Seconds from one record to the next: they arrive one after the other."""

    def run(self, items):
        own = threading.local()
        crew = []

        def alone(item):
            if not hasattr(own, "worker"):
                own.worker = type(self)(self.env)
                crew.append(own.worker)
            own.worker.deliver(item["sobject"], item["key_field"], [item])

        with ThreadPoolExecutor(self.workers) as pool:
            jobs = []
            for item in items:
                jobs.append(pool.submit(alone, item))
                time.sleep(self.pace)
            for job in jobs:
                job.result()
        self.letters = sum(worker.letters for worker in crew)


if __name__ == "__main__":
    main(Crew)
