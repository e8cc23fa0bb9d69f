"""Takes the records of the first answer for all there are."""

from reader import Reader


class ReadsFirstPage(Reader):
    def next_page(self, page):
        return None


if __name__ == "__main__":
    ReadsFirstPage().run()
