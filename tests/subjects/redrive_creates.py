"""Redrives with plain creates, without a look at what is there: dead letters never landed, or so it thinks."""

from sync import Sync, main


class RedriveCreates(Sync):
    def not_overtaken(self, items):
        return items

    def send(self, sobject, key_field, items):
        if not self.redriven:
            return super().send(sobject, key_field, items)
        records = [{"attributes": {"type": sobject}, key_field: item["key"], **item["record"]} for item in items]
        return self.call("POST", "composite/sobjects", json={"allOrNone": False, "records": records})


if __name__ == "__main__":
    main(RedriveCreates)
