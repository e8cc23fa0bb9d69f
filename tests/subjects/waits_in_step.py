"""Waits exactly as long as all others: whoever failed together comes back together."""

from crew import Crew
from sync import main


class WaitsInStep(Crew):
    base = 0.2
    jitter = 0.0


if __name__ == "__main__":
    main(WaitsInStep)
