"""Takes a record that somebody else has created for its own."""

from sync import Sync, main


class TakesDuplicatesForDone(Sync):
    def causes_of(self, items, results):
        causes = super().causes_of(items, results)
        return {key: cause for key, cause in causes.items() if cause[0] != "DUPLICATE_VALUE"}


if __name__ == "__main__":
    main(TakesDuplicatesForDone)
