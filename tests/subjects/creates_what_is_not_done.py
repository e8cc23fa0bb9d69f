"""Notes in a file what it has created, and creates what is not in it."""

import json
from pathlib import Path

from sync import Sync, main


class CreatesWhatIsNotDone(Sync):
    def run(self, items):
        notes = Path(self.env["SFMOCK_WORKDIR"]) / "done.json"
        done = set(json.loads(notes.read_text())) if notes.exists() else set()
        super().run([item for item in items if item["key"] not in done])
        notes.write_text(json.dumps(sorted(done | {item["key"] for item in items})))

    def send(self, sobject, key_field, items):
        records = [{"attributes": {"type": sobject}, key_field: item["key"], **item["record"]} for item in items]
        return self.call("POST", "composite/sobjects", json={"allOrNone": False, "records": records})


if __name__ == "__main__":
    main(CreatesWhatIsNotDone)
