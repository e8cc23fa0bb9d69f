"""Takes a refused login for one that failed in passing."""

from sync import Sync, main


class LogsInForEver(Sync):
    def login_refused(self, why):
        self.log(why)


if __name__ == "__main__":
    main(LogsInForEver)
