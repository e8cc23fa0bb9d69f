"""Waits four times as long after each failure, and has forgotten the cap."""

from crew import Crew
from sync import main


class GrowsWithoutEnd(Crew):
    factor, cap = 4.0, float("inf")
    jitter = 0.1


if __name__ == "__main__":
    main(GrowsWithoutEnd)
