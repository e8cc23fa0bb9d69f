"""Knows no other way on than the locator."""

from reader import Reader


class DiesWithItsCursor(Reader):
    def without_page(self, failure):
        raise failure


if __name__ == "__main__":
    DiesWithItsCursor().run()
