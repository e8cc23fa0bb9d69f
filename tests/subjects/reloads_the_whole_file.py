"""Loads the whole file again when some of its rows are to be tried again."""

from bulk_sync import BulkSync, main


class ReloadsTheWholeFile(BulkSync):
    def deliver(self, sobject, key_field, items):
        self.whole = items
        super().deliver(sobject, key_field, items)

    def next_batch(self, items, causes):
        again = super().next_batch(items, causes)
        given_up = {item["key"] for item in items if item["key"] in causes} - {item["key"] for item in again}
        self.whole = [item for item in self.whole if item["key"] not in given_up]
        return self.whole if again else []


if __name__ == "__main__":
    main(ReloadsTheWholeFile)
