"""Writes an empty cell for a field that is to be emptied: Salesforce leaves the old value where it is."""

from bulk_sync import BulkSync, main


class LeavesCellsEmpty(BulkSync):
    def cell(self, value):
        return "" if value is None else super().cell(value)


if __name__ == "__main__":
    main(LeavesCellsEmpty)
