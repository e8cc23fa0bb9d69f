"""Looks at objects that it has nothing to do with, because its user may."""

from sync import Sync, main


class ReadsEverything(Sync):
    def run(self, items):
        for sobject in ("Opportunity", "Lead"):
            self.call("GET", f"sobjects/{sobject}/describe")
            self.call("GET", "query", params={"q": f"SELECT Id FROM {sobject} LIMIT 1"})
        super().run(items)


if __name__ == "__main__":
    main(ReadsEverything)
