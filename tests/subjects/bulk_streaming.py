"""Loads by jobs of Bulk API 2.0, and holds one row at a time: the upload is a file, and so are the failed rows."""

import csv
import json
import os

from bulk_sync import BulkSync, cells_of, error_of


class BulkStreaming(BulkSync):
    rows = 50_000

    def write(self, lines, path):
        """Write the next rows into a CSV file; return the last line's object and key, None where there was no line."""
        item = None
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
            for count, line in enumerate(lines, 1):
                item = json.loads(line)
                cells = {item["key_field"]: item["key"], **cells_of(item["record"])}
                if count == 1:
                    writer.writerow(cells)
                writer.writerow([self.cell(value) for value in cells.values()])
                if count == self.rows:
                    break
        return item

    def upload(self, job, path):
        with open(path, "rb") as file:
            self.step(
                "PUT",
                f"jobs/ingest/{job}/batches",
                data=iter(lambda: file.read(65_536), b""),
                headers={"Content-Type": "text/csv; charset=UTF-8"},
                done=("INVALIDJOBSTATE",),
            )

    def run(self, lines):
        path = os.path.join(self.env["SFMOCK_WORKDIR"], "load.csv")
        while (item := self.write(lines, path)) is not None:
            job = self.begin(item["sobject"], item["key_field"])
            self.upload(job, path)
            self.close(job)
            told = self.end_of(job)
            if told["state"] != "JobComplete":
                raise SystemExit(f"job {job} came to nothing: {told.get('errorMessage')}")
            for row in self.rows_of(job, "failedResults", told["numberRecordsFailed"]):
                record = {name: value for name, value in row.items() if not name.startswith("sf__")}
                self.dead_letter({"record": record, "key": row[item["key_field"]]}, *error_of(row["sf__Error"]), 1)


def main(env=os.environ):
    with open(env["SFMOCK_INPUTS"], encoding="utf-8") as file:
        sync = BulkStreaming(env)
        sync.run(file)
    sync.alert()


if __name__ == "__main__":
    main()
