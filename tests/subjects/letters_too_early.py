"""Dead-letters a row at its first failure, and tries it again all the same."""

from sync import Sync, main


class LettersTooEarly(Sync):
    def next_batch(self, items, causes):
        again = super().next_batch(items, causes)
        for item in again:
            self.dead_letter(item, *causes[item["key"]], 1)
        return again


if __name__ == "__main__":
    main(LettersTooEarly)
