"""Retries within its number of attempts, and long past the time that its job has."""

from sync import Sync, main


class OutlivesItsWindow(Sync):
    attempts = 10
    base = cap = 0.7
    jitter = 0.1


if __name__ == "__main__":
    main(OutlivesItsWindow)
