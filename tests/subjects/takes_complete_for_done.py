"""Takes JobComplete for success: what stands in failedResults is never fetched."""

from bulk_sync import BulkSync, main


class TakesCompleteForDone(BulkSync):
    def causes(self, job, told, key_field, items):
        if told["state"] == "JobComplete":
            return {}
        return super().causes(job, told, key_field, items)


if __name__ == "__main__":
    main(TakesCompleteForDone)
