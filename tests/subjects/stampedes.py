"""Logs in once for each worker whose request meets the end of the session."""

from sync import main
from threaded import Threaded


class Stampedes(Threaded):
    def renew_from(self, used):
        self.refresh()


if __name__ == "__main__":
    main(Stampedes)
