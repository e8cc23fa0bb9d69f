"""Gets each record by its key before it writes them all."""

from sync import Failure, Sync, main


class ReadsEachRecordFirst(Sync):
    def send(self, sobject, key_field, items):
        for item in items:
            try:
                self.call("GET", f"sobjects/{sobject}/{key_field}/{item['key']}")
            except Failure as failure:
                if failure.code != "NOT_FOUND":
                    raise
        return super().send(sobject, key_field, items)


if __name__ == "__main__":
    main(ReadsEachRecordFirst)
