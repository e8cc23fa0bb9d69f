"""Has no end to its attempts within any reasonable time."""

from sync import Sync, main


class RetriesForEver(Sync):
    attempts = 40
    base, cap = 0.02, 0.02


if __name__ == "__main__":
    main(RetriesForEver)
