"""Writes dead letters and says nothing: the queue grows until a customer calls."""

from sync import Sync, main


class SilentLetters(Sync):
    def alert(self):
        pass


if __name__ == "__main__":
    main(SilentLetters)
