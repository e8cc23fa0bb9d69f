"""Broken: the server knows its client no more, and it waits for events that never come."""

import time

from consumer import Consumer


class Deaf(Consumer):
    def forgotten(self, error):
        while True:
            time.sleep(1)


if __name__ == "__main__":
    Deaf().run()
