"""Takes the end of its session for the end of its job, and loads the file once more."""

from bulk_sync import BulkSync
from sync import Failure, main


class Anew(Exception):
    pass


class LoadsAnewAfterExpiry(BulkSync):
    def call(self, method, path, **options):
        try:
            return self.exchange(method, path, **options)
        except Failure as failure:
            if failure.code != "INVALID_SESSION_ID":
                raise
            self.refresh()
            raise Anew from None

    def load(self, sobject, key_field, items):
        while True:
            try:
                return super().load(sobject, key_field, items)
            except Anew:
                continue


if __name__ == "__main__":
    main(LoadsAnewAfterExpiry)
