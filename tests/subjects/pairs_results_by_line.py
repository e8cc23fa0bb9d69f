"""Takes the n-th line of failedResults for the n-th row of its file: the results come in an order of their own."""

from bulk_sync import BulkSync, error_of, main


class PairsResultsByLine(BulkSync):
    def causes(self, job, told, key_field, items):
        rows = self.rows_of(job, "failedResults", told["numberRecordsFailed"]) if told["numberRecordsFailed"] else []
        return {item["key"]: error_of(row["sf__Error"]) for item, row in zip(items, rows, strict=False)}


if __name__ == "__main__":
    main(PairsResultsByLine)
