"""Delivers in small batches and notes which are done, so that it can be stopped: correct as it stands."""

import os
import signal
from pathlib import Path

from sync import Sync, main


class Stoppable(Sync):
    batch = 20

    def __init__(self, env=os.environ):
        super().__init__(env)
        self.checkpoint = Path(env["SFMOCK_WORKDIR"]) / "done.txt"
        self.stopping = False

    def run(self, items):
        self.items = items
        signal.signal(signal.SIGTERM, lambda *_: self.on_stop())
        super().run(items)

    def on_stop(self):
        """Finish the batch under way, and begin no other."""
        self.stopping = True

    def deliver(self, sobject, key_field, items):
        done = self.checkpoint.read_text().split() if self.checkpoint.exists() else []
        open_items = [item for item in items if item["key"] not in done]
        if open_items and not self.stopping:
            super().deliver(sobject, key_field, open_items)
            self.mark(open_items)

    def mark(self, items):
        with self.checkpoint.open("a") as file:
            file.writelines(f"{item['key']}\n" for item in items)


if __name__ == "__main__":
    main(Stoppable)
