"""Broken: leaves it to aiosfstream-ng to keep replay markers, which it does as soon as it hands an event out."""

import time

from aiosfstream_consumer import Library
from aiosfstream_ng import ReplayMarkerStoragePolicy


class Automatic(Library):
    policy = ReplayMarkerStoragePolicy.AUTOMATIC

    async def take_one(self, storage, message):
        self.work(message["data"])

    def apply(self, data):
        time.sleep(0.1)


if __name__ == "__main__":
    Automatic().run()
