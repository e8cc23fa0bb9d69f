"""Broken: believes that every event comes once."""

from consumer import Consumer


class Trusting(Consumer):
    def note(self, name):
        super().note(name)
        self.done.clear()

    def __init__(self):
        super().__init__()
        self.done.clear()


if __name__ == "__main__":
    Trusting().run()
