"""Holds one batch at a time, however long its input is."""

import json
import os
from itertools import groupby, islice

from sync import Sync


class Streaming(Sync):
    def run(self, items):
        for (sobject, key_field), group in groupby(items, lambda item: (item["sobject"], item["key_field"])):
            while batch := list(islice(group, self.batch)):
                self.deliver(sobject, key_field, batch)


def main(env=os.environ):
    sync = Streaming(env)
    with open(env["SFMOCK_INPUTS"], encoding="utf-8") as file:
        sync.run(json.loads(line) for line in file)
    sync.alert()


if __name__ == "__main__":
    main()
