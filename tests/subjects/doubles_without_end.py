"""Doubles its waits, and has forgotten the cap."""

from crew import Crew
from sync import main


class DoublesWithoutEnd(Crew):
    cap = float("inf")
    jitter = 0.1


if __name__ == "__main__":
    main(DoublesWithoutEnd)
