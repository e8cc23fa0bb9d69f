"""Switches certificate checks off, as answers in forums advise."""

from sync import Sync, main


class TrustsAnyone(Sync):
    def __init__(self, *args):
        super().__init__(*args)
        self.http.verify = False
        # The environment's own authorities would be taken before.
        self.http.trust_env = False


if __name__ == "__main__":
    main(TrustsAnyone)
