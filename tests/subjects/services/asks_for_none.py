"""Broken: asks for as many events as it has room for, also where that is none."""

from pubsub_consumer import Streaming, api


class Full(Streaming):
    batch = 8

    def more(self, channel, requests):
        requests.put(api.FetchRequest(topic_name=channel, num_requested=max(0, 3 - len(self.done))))


if __name__ == "__main__":
    Full().run()
