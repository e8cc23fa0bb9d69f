"""Broken: books whatever comes, however often and however late it comes."""

from receiver import Receiver


class Booking(Receiver):
    def receive(self, note):
        self.inbox.put(note)


if __name__ == "__main__":
    Booking().serve()
