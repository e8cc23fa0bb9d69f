"""Collects the rows of all pages in a list before it writes the first one."""

import os

from bulk_reader import BulkReader


class BulkCollectsResults(BulkReader):
    def __init__(self, env=os.environ):
        super().__init__(env)
        self.rows = []

    def run(self):
        super().run()
        for row in self.rows:
            super().take(row)

    def take(self, row):
        self.last = row["Id"]
        self.rows.append(row)


if __name__ == "__main__":
    BulkCollectsResults().run()
