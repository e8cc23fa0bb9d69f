"""Says nowhere who it is."""

from sync import Sync, main


class Nameless(Sync):
    def connect(self, token):
        self.http.headers["User-Agent"] = ""
        self.http.headers.pop("Sforce-Call-Options", None)
        super().connect(token)


if __name__ == "__main__":
    main(Nameless)
