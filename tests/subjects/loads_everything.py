"""Reads the whole load into a list before it sends the first batch."""

import json
import os

from streaming import Streaming


def main(env=os.environ):
    sync = Streaming(env)
    with open(env["SFMOCK_INPUTS"], encoding="utf-8") as file:
        items = [json.loads(line) for line in file]
    sync.run(items)
    sync.alert()


if __name__ == "__main__":
    main()
