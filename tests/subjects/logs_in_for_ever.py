"""Takes a refused login for one that failed in passing."""

from sync import Sync, main


class LogsInForEver(Sync):
    def give_up_logins(self, why):
        self.wait(1)


if __name__ == "__main__":
    main(LogsInForEver)
