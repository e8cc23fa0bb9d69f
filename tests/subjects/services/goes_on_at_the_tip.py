"""Broken: where its replay id is refused it goes on with what comes next, and tells nobody."""

from consumer import Consumer


class Carefree(Consumer):
    def lost_position(self, channel):
        self.kept.pop(channel, None)
        self.client.subscribe(channel, -1)


if __name__ == "__main__":
    Carefree().run()
