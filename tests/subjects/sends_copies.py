"""After a failure, sends each request a second time to be on the safe side."""

from sync import Sync, main


class SendsCopies(Sync):
    anxious = False

    def wait(self, attempt):
        self.anxious = True
        super().wait(attempt)

    def send(self, sobject, key_field, items):
        results = super().send(sobject, key_field, items)
        if self.anxious:
            super().send(sobject, key_field, items)
        return results


if __name__ == "__main__":
    main(SendsCopies)
