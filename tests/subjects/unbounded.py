"""Starts everything at once."""

from parallel import Parallel
from sync import main


class Unbounded(Parallel):
    workers = 20
    batch = 1


if __name__ == "__main__":
    main(Unbounded)
