"""Sends one record in each call."""

from sync import Sync, main


class OneCallARecord(Sync):
    batch = 1


if __name__ == "__main__":
    main(OneCallARecord)
