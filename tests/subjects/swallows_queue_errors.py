"""Logs that a dead letter could not be written, and goes on."""

from sync import Sync, main


class SwallowsQueueErrors(Sync):
    def write_letter(self, letter):
        try:
            super().write_letter(letter)
        except OSError as error:
            print(f"could not write a dead letter: {error}", flush=True)


if __name__ == "__main__":
    main(SwallowsQueueErrors)
