"""Gives a record up after half of the attempts that it declares."""

from sync import Sync, main


class LettersBeforeSpent(Sync):
    attempts = 3


if __name__ == "__main__":
    main(LettersBeforeSpent)
