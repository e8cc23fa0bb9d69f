"""Each worker minds the Retry-After that it was told itself; the others go on."""

from crew import Crew
from sync import main


class ThrottlesOneWorker(Crew):
    pace = 0.25


if __name__ == "__main__":
    main(ThrottlesOneWorker)
