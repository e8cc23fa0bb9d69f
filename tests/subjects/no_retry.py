"""Gives up at the first failure, whatever it is."""

from sync import Sync, main


class NoRetry(Sync):
    attempts = 1


if __name__ == "__main__":
    main(NoRetry)
