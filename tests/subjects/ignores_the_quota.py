"""Uses up the calls of the day to the last one."""

from parallel import Parallel
from sync import main


class IgnoresTheQuota(Parallel):
    batch = 2

    def on_ceiling(self, usage):
        pass


if __name__ == "__main__":
    main(IgnoresTheQuota)
