"""Correct: does not wait for ever. A poll that says nothing for three seconds is taken for dead."""

from consumer import Consumer


class Watchful(Consumer):
    patience = 3.0


if __name__ == "__main__":
    Watchful().run()
