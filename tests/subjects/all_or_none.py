"""Saves all of a batch or nothing: correct as it stands."""

from sync import Sync, main


class AllOrNone(Sync):
    def send(self, sobject, key_field, items):
        records = [{"attributes": {"type": sobject}, key_field: item["key"], **item["record"]} for item in items]
        return self.call(
            "PATCH", f"composite/sobjects/{sobject}/{key_field}", json={"allOrNone": True, "records": records}
        )


if __name__ == "__main__":
    main(AllOrNone)
