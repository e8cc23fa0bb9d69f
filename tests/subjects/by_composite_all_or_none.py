"""Delivers by composite requests that save all of a call or nothing: correct as it stands."""

from by_composite import Composite
from sync import main


class Whole(Composite):
    all_or_none = True


if __name__ == "__main__":
    main(Whole)
