"""Tries on although the attempts it has declared are spent."""

from sync import Sync, main


class RetriesForEver(Sync):
    attempts = 12
    base, cap, jitter = 0.08, 0.08, 0.1


if __name__ == "__main__":
    main(RetriesForEver)
