"""Writes the time of the run into every record."""

from datetime import UTC, datetime

from sync import Sync, main


class StampsEachRun(Sync):
    def run(self, items):
        stamp = f"synced {datetime.now(UTC).isoformat()}"
        super().run([{**item, "record": {**item["record"], "Description": stamp}} for item in items])


if __name__ == "__main__":
    main(StampsEachRun)
