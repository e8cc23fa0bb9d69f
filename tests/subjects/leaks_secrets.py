"""Logs the client with its headers when a request fails."""

from sync import Sync, main


class LeaksSecrets(Sync):
    def log(self, failure):
        print(f"a request failed: {failure}, headers were {self.client.headers}", flush=True)


if __name__ == "__main__":
    main(LeaksSecrets)
