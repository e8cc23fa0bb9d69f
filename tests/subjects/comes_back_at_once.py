"""Sends locked rows again with as many workers as before."""

from parallel import Parallel
from sync import main


class ComesBackAtOnce(Parallel):
    base = cap = 0.05
    jitter = 0.0

    def on_lock(self):
        pass


if __name__ == "__main__":
    main(ComesBackAtOnce)
