"""Begins the whole job anew when a connection breaks at its close: the first one goes on all the same."""

from bulk_sync import BulkSync, main
from sync import Failure


class BeginsTheJobAnew(BulkSync):
    def load(self, sobject, key_field, items):
        for attempt in range(1, self.attempts):
            try:
                return super().load(sobject, key_field, items)
            except Failure as failure:
                if failure.code != "CONNECTION_LOST":
                    raise
                self.wait(attempt)
        return super().load(sobject, key_field, items)

    def close(self, job):
        self.call("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"})

    def abort(self, job):
        return


if __name__ == "__main__":
    main(BeginsTheJobAnew)
