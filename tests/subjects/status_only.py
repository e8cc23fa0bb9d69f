"""Decides by the HTTP status of an answer whether its error passes, and does not read the code."""

from sync import Sync, main


class StatusOnly(Sync):
    status = 200
    batch = 50

    def exchange(self, method, path, **options):
        self.status = 200
        return super().exchange(method, path, **options)

    def failure_of(self, error):
        self.status = error.status
        return super().failure_of(error)

    def is_transient(self, code):
        return super().is_transient(code) and not 400 <= self.status < 500


if __name__ == "__main__":
    main(StatusOnly)
