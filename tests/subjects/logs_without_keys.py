"""Logs each failure, and not whose it is."""

from reporting import Reporting
from sync import main


class LogsWithoutKeys(Reporting):
    def log_letter(self, item, code, attempts):
        print(f"ERROR giving up after {attempts} attempts: {code}", flush=True)


if __name__ == "__main__":
    main(LogsWithoutKeys)
