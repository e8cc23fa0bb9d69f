"""Creates in place of upserting, so that a lost reply is answered by a second row."""

from sync import Sync, main


class CreatesInsteadOfUpsert(Sync):
    def send(self, sobject, key_field, items):
        records = [{"attributes": {"type": sobject}, key_field: item["key"], **item["record"]} for item in items]
        return self.call("POST", "composite/sobjects", json={"allOrNone": False, "records": records})


if __name__ == "__main__":
    main(CreatesInsteadOfUpsert)
