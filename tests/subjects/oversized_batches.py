"""Sends all it has in one call."""

from sync import Sync, main


class OversizedBatches(Sync):
    batch = 1000


if __name__ == "__main__":
    main(OversizedBatches)
