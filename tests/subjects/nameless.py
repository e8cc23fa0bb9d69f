"""Says nowhere who it is."""

from sync import Sync, main


class Nameless(Sync):
    def connect(self, token, instance):
        self.http.headers["User-Agent"] = ""
        self.http.headers.pop("Sforce-Call-Options", None)
        super().connect(token, instance)


if __name__ == "__main__":
    main(Nameless)
