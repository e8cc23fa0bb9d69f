"""Writes the number of retries into its letters, where the number of attempts belongs."""

from sync import Sync, main


class LettersCountRetries(Sync):
    def dead_letter(self, item, code, message, attempts):
        super().dead_letter(item, code, message, max(attempts - 1, 1))


if __name__ == "__main__":
    main(LettersCountRetries)
