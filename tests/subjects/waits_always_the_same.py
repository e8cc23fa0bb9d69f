"""Waits as long before the last attempt as before the second."""

from sync import Sync, main


class WaitsAlwaysTheSame(Sync):
    factor = 1.0


if __name__ == "__main__":
    main(WaitsAlwaysTheSame)
