"""Says nowhere who it is."""

from sync import Sync, main


class Nameless(Sync):
    def connect(self, *given):
        self.http.headers["User-Agent"] = ""
        self.http.headers.pop("Sforce-Call-Options", None)
        super().connect(*given)


if __name__ == "__main__":
    main(Nameless)
