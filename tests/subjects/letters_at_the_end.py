"""Ticks batches off as they are delivered, and writes their letters when all is done."""

import json
from pathlib import Path

from sync import Sync, main


class LettersAtTheEnd(Sync):
    batch = 50

    def run(self, items):
        self.kept = []
        checkpoint = Path(self.env["SFMOCK_WORKDIR"]) / "done.json"
        done = set(json.loads(checkpoint.read_text())) if checkpoint.exists() else set()
        for start in range(0, len(items), self.batch):
            batch = [item for item in items[start : start + self.batch] if item["key"] not in done]
            super().run(batch)
            done.update(item["key"] for item in batch)
            checkpoint.write_text(json.dumps(sorted(done)))
        for letter in self.kept:
            super().write_letter(letter)

    def write_letter(self, letter):
        self.kept.append(letter)


if __name__ == "__main__":
    main(LettersAtTheEnd)
