"""Broken: fetches the record that a gap event names, that of an overflow too, which is none."""

from consumer import Consumer


class Literal(Consumer):
    def fill(self, header):
        for record in header["recordIds"]:
            self.get(f"sobjects/{header['entityName']}/{record}")


if __name__ == "__main__":
    Literal().run()
