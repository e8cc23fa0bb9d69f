"""Sends thousands of records in collections: a call for each two hundred of them."""

from sync import Sync, main


class ManyCollections(Sync):
    pass


if __name__ == "__main__":
    main(ManyCollections)
