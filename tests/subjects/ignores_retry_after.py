"""Comes back by its own backoff, whatever Salesforce has asked for."""

from sync import Sync, main


class IgnoresRetryAfter(Sync):
    def note_retry_after(self, response, **_):
        self.retry_after = 0.0


if __name__ == "__main__":
    main(IgnoresRetryAfter)
