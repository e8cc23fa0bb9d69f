"""Begins the whole run anew when its session has ended."""

from sync import Failure, Sync, main


class Anew(Exception):
    pass


class RestartsAfterExpiry(Sync):
    def call(self, method, path, **options):
        try:
            return self.exchange(method, path, **options)
        except Failure as failure:
            if failure.code != "INVALID_SESSION_ID":
                raise
            self.refresh()
            raise Anew from None

    def run(self, items):
        while True:
            try:
                return super().run(items)
            except Anew:
                continue


if __name__ == "__main__":
    main(RestartsAfterExpiry)
