"""Writes the time of the attempt into the record, so that no two attempts say the same."""

import time

from sync import Sync, main


class StampsEachAttempt(Sync):
    def send(self, sobject, key_field, items):
        stamped = [
            {**item, "record": {**item["record"], "Description": f"synchronised at {time.time():.6f}"}}
            for item in items
        ]
        return super().send(sobject, key_field, stamped)


if __name__ == "__main__":
    main(StampsEachAttempt)
