"""Reads slices by OFFSET."""

from reader import Reader


class PagesByOffset(Reader):
    start = 0

    def ask(self):
        soql = f"SELECT Id, LastName FROM Contact ORDER BY LastName LIMIT {self.page_size} OFFSET {self.start}"
        return self.get("query", q=soql)

    def next_page(self, page):
        self.start += self.page_size
        return self.ask() if page["records"] else None


if __name__ == "__main__":
    PagesByOffset().run()
