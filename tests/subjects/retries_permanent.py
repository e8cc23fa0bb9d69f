"""Tries everything again, as `except Exception: retry` does."""

from sync import Sync, main


class RetriesPermanent(Sync):
    def is_transient(self, code):
        return True


if __name__ == "__main__":
    main(RetriesPermanent)
