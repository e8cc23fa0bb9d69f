"""Broken: answers every change with a write, its own too."""

from two_way import TwoWay


class Parrot(TwoWay):
    def own(self, header):
        return False


if __name__ == "__main__":
    Parrot().run()
