"""Sends the whole batch again when one of its rows failed."""

from sync import Sync, main


class ResendsWholeBatch(Sync):
    def next_batch(self, items, causes):
        return items if super().next_batch(items, causes) else []

    def not_landed(self, sobject, key_field, items, causes):
        failed = [item for item in items if item["key"] in causes]
        return super().not_landed(sobject, key_field, failed, causes)


if __name__ == "__main__":
    main(ResendsWholeBatch)
