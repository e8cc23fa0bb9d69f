"""A correct integration that notes what is done, and takes up the rest when it is started again.

The note is a file in its work folder, written after the work: a crash between the two makes it do the work again, which
changes nothing, for it upserts. A SIGTERM lets the request under way end. While Salesforce is away it stops with what is
pending left pending, for the next run: it is to be judged as resumable.
"""

import os
import signal
import sys
from pathlib import Path

from sync import Sync, read_inputs

AWAY = {"CONNECTION_LOST", "SERVER_UNAVAILABLE"}
PENDING = 75
"""The exit status that says: not all is done, run me again."""


class Checkpointed(Sync):
    def __init__(self, env):
        super().__init__(env)
        self.note = Path(env["SFMOCK_WORKDIR"]) / "done.txt"
        self.done = set(self.note.read_text().split("\n")) if self.note.exists() else set()
        self.stopping = False
        self.left = False

    def run(self, items):
        super().run([item for item in items if str(item["key"]) not in self.done])
        return PENDING if self.left else 0

    def deliver(self, sobject, key_field, items):
        if self.stopping or self.left:
            self.left = True
            return
        super().deliver(sobject, key_field, items)
        if not self.left:
            self.mark(items)

    def mark(self, items):
        with open(self.note, "a", encoding="utf-8") as file:
            file.write("".join(f"{item['key']}\n" for item in items))
            file.flush()
            os.fsync(file.fileno())

    def not_landed(self, sobject, key_field, items, causes):
        if items and all(causes[item["key"]][0] in AWAY for item in items):
            self.left = True  # nobody answers: no fault of the rows, the next run sends them again
            return []
        return super().not_landed(sobject, key_field, items, causes)


def main(env=os.environ):
    sync = Checkpointed(env)

    def stop(*_):
        sync.stopping = True

    if env is os.environ:
        signal.signal(signal.SIGTERM, stop)
    status = sync.run(read_inputs(env))
    sync.alert()
    return status


if __name__ == "__main__":
    sys.exit(main())
