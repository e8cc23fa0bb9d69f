"""Asks for each record by a query of its own before it writes them all."""

from sync import Sync, main


class QueriesInALoop(Sync):
    def send(self, sobject, key_field, items):
        for item in items:
            self.call("GET", "query", params={"q": f"SELECT Id FROM {sobject} WHERE {key_field} = '{item['key']}'"})
        return super().send(sobject, key_field, items)


if __name__ == "__main__":
    main(QueriesInALoop)
