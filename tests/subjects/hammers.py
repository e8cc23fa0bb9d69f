"""Claims a circuit breaker that is not there: every worker tries on by itself in an outage."""

from crew import Crew
from sync import main


class Hammers(Crew):
    workers = 8


if __name__ == "__main__":
    main(Hammers)
