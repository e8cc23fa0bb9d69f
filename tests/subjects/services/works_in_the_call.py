"""Broken: does all the work before it answers, and takes longer than anybody waits."""

import time

from receiver import Receiver


class Slow(Receiver):
    def receive(self, note):
        time.sleep(1.5)
        super().receive(note)


if __name__ == "__main__":
    Slow().serve()
