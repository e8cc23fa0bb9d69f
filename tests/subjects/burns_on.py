"""Retries in a hurry although the calls of the day are spent."""

from sync import Sync, main


class BurnsOn(Sync):
    def is_the_end(self, failure):
        return False


if __name__ == "__main__":
    main(BurnsOn)
