"""Broken: has no time-out for a stream that says nothing any more."""

from consumer import Consumer


class Patient(Consumer):
    patience = None


if __name__ == "__main__":
    Patient().run()
