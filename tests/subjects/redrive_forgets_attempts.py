"""Writes a letter that was refused again as if it had never been there."""

from sync import Sync, main


class RedriveForgetsAttempts(Sync):
    def dead_letter(self, item, code, message, attempts):
        old, self.redriven = self.redriven, {}
        super().dead_letter(item, code, message, attempts)
        self.redriven = old


if __name__ == "__main__":
    main(RedriveForgetsAttempts)
