"""An integration that reads all contacts, page by page, and records what it took in.

As it stands it is correct. The broken ones override one hook each, and nothing else.
"""

import json
import os

from sync import Failure, Sync


class Reader(Sync):
    page_size = 200

    def __init__(self, env=os.environ):
        super().__init__(env)
        self.http.headers["Sforce-Query-Options"] = f"batchSize={self.page_size}"
        self.last = ""

    def run(self):
        page = self.ask()
        while page is not None:
            for record in page["records"]:
                self.take(record)
            page = self.next_page(page)

    def ask(self):
        """Ask for what comes after the last record."""
        after = f" WHERE Id > '{self.last}'" if self.last else ""
        return self.get("query", q=f"SELECT Id, LastName FROM Contact{after} ORDER BY Id")

    def next_page(self, page):
        """Return the next page, None after the last one."""
        if page["done"]:
            return None
        try:
            return self.get(page["nextRecordsUrl"].partition(f"/v{self.env['SF_API_VERSION']}/")[2])
        except Failure as failure:
            return self.without_page(failure)

    def without_page(self, failure):
        if failure.code != "INVALID_QUERY_LOCATOR":
            raise failure
        return self.ask()

    def get(self, path, **params):
        for attempt in range(1, self.attempts + 1):
            try:
                return self.call("GET", path, params=params)
            except Failure as failure:
                self.log(failure)
                last = failure
                if not self.is_transient(failure.code):
                    break
            self.wait(attempt)
        raise last

    def take(self, record):
        self.last = record["Id"]
        with open(self.env["SFMOCK_EFFECTS"], "a", encoding="utf-8") as effects:
            effects.write(json.dumps({"sobject": "Contact", "id": record["Id"], "record": record}) + "\n")


if __name__ == "__main__":
    Reader().run()
