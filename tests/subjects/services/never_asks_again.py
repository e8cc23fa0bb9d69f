"""Broken: asks for some events at the beginning, and waits for the rest."""

from pubsub_consumer import Streaming


class Modest(Streaming):
    def more(self, channel, requests):
        pass


if __name__ == "__main__":
    Modest().run()
