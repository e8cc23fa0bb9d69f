"""Acknowledges each batch before it is sent, so that a crash in between loses it."""

import json
from pathlib import Path

from sync import Sync, main


class MarksDoneFirst(Sync):
    batch = 20

    def run(self, items):
        notes = Path(self.env["SFMOCK_WORKDIR"]) / "done.json"
        done = json.loads(notes.read_text()) if notes.exists() else []
        rest = [item for item in items if item["key"] not in done]
        for start in range(0, len(rest), self.batch):
            batch = rest[start : start + self.batch]
            done += [item["key"] for item in batch]
            notes.write_text(json.dumps(done))
            super().run(batch)


if __name__ == "__main__":
    main(MarksDoneFirst)
