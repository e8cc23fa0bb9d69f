"""Broken: notes how far it has received, before anything of it is done."""

from consumer import Consumer


class Hasty(Consumer):
    def take(self, messages):
        for message in messages:
            self.keep(message["channel"], message["data"]["event"]["replayId"])
        super().take(messages)

    def handle(self, channel, data):
        self.work(data)


if __name__ == "__main__":
    Hasty().run()
