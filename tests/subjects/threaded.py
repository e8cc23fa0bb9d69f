"""The integration as it should be with several workers: one session for all, renewed by one of them."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sync import Failure, LoginRefused, Sync, main


class Threaded(Sync):
    workers = 8
    batch = 25

    def __init__(self, *args):
        self.renewing = threading.Lock()
        super().__init__(*args)

    def run(self, items):
        batches = {}
        for item in items:
            group = batches.setdefault((item["sobject"], item["key_field"]), [[]])
            if len(group[-1]) == self.batch:
                group.append([])
            group[-1].append(item)
        with ThreadPoolExecutor(self.workers) as pool:
            jobs = [pool.submit(self.deliver, *of, batch) for of, group in batches.items() for batch in group]
        for job in jobs:
            job.result()

    def call(self, method, path, **options):
        used = self.client
        try:
            return self.exchange(method, path, **options)
        except Failure as failure:
            if failure.code != "INVALID_SESSION_ID":
                raise
            self.renew_from(used)
            return self.exchange(method, path, **options)

    def renew_from(self, used):
        """Renew the session, unless another worker has done so, or was refused, since."""
        with self.renewing:
            if self.over is not None:
                raise self.over
            if self.client is used:
                try:
                    self.refresh()
                except LoginRefused as refused:
                    self.over = refused
                    raise


if __name__ == "__main__":
    main(Threaded)
