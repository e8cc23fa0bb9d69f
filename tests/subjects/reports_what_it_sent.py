"""Reports the records that it sent as landed."""

from reporting import Reporting
from sync import main


class ReportsWhatItSent(Reporting):
    def landed(self, items):
        return len(items)


if __name__ == "__main__":
    main(ReportsWhatItSent)
