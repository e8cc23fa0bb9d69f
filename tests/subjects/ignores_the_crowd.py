"""Keeps up its number of calls when too many are running."""

from parallel import Parallel
from sync import main


class IgnoresTheCrowd(Parallel):
    base = cap = 0.1
    jitter = 0.0

    def on_crowd(self):
        pass


if __name__ == "__main__":
    main(IgnoresTheCrowd)
