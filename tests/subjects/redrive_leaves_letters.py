"""Redrives what is in the queue, and leaves it there."""

from sync import Sync, main


class RedriveLeavesLetters(Sync):
    def take_out(self, letters):
        pass


if __name__ == "__main__":
    main(RedriveLeavesLetters)
