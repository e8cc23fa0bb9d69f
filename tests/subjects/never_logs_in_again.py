"""Keeps using a session that has ended."""

from sync import Sync, main


class NeverLogsInAgain(Sync):
    def call(self, method, path, **options):
        return self.exchange(method, path, **options)

    def is_transient(self, code):
        return code == "INVALID_SESSION_ID" or super().is_transient(code)


if __name__ == "__main__":
    main(NeverLogsInAgain)
