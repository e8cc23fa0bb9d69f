"""Broken: a gap event holds no values, so that there is nothing to do."""

from consumer import Consumer


class Shrugging(Consumer):
    def fill(self, header):
        pass


if __name__ == "__main__":
    Shrugging().run()
