"""Deals the rows out to its jobs as they come: the children of one parent are in all of them."""

from bulk_parallel import BulkParallel, main


class LoadsAsItComes(BulkParallel):
    def in_order(self, items):
        return items

    def shares(self, items):
        return [items[first :: self.workers] for first in range(self.workers)]


if __name__ == "__main__":
    main(LoadsAsItComes)
