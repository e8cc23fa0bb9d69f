"""Broken: subscribes to what comes next, also after a restart."""

from consumer import Consumer


class Forgetful(Consumer):
    def position(self, channel):
        return -1


if __name__ == "__main__":
    Forgetful().run()
