"""Retries the whole query when one of its pages fails."""

from reader import Reader
from sync import Failure


class RestartsReading(Reader):
    attempts = 1

    def run(self):
        self.seen = set()
        for _ in range(6):
            self.last = ""
            try:
                super().run()
                break
            except Failure as failure:
                self.log(failure)

    def take(self, record):
        if record["Id"] not in self.seen:
            self.seen.add(record["Id"])
            super().take(record)


if __name__ == "__main__":
    RestartsReading().run()
