"""Retries each request three times below a layer that tries each record three times."""

import time

from crew import Crew
from sync import Failure, main


class RetriesInTwoLayers(Crew):
    workers = 12
    attempts = 3
    base, cap, jitter = 0.6, 2.0, 0.1

    def exchange(self, method, path, **options):
        for delay in (0.03, 0.06):
            try:
                return super().exchange(method, path, **options)
            except Failure as failure:
                if not self.is_transient(failure.code):
                    raise
            time.sleep(delay)
        return super().exchange(method, path, **options)


if __name__ == "__main__":
    main(RetriesInTwoLayers)
