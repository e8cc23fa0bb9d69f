"""Raises at the first row that is refused, and ends there."""

from sync import Failure, Sync, main


class StopsAtBadRow(Sync):
    batch = 50

    def causes_of(self, items, results):
        causes = super().causes_of(items, results)
        for cause in causes.values():
            raise Failure(*cause)
        return causes


if __name__ == "__main__":
    main(StopsAtBadRow)
