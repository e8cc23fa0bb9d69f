"""Creates record by record, and once more when an answer does not come."""

from sync import Sync, main


class CreatesOneByOne(Sync):
    batch = 1

    def send(self, sobject, key_field, items):
        (item,) = items
        record = {key_field: item["key"], **item["record"]}
        return [self.call("POST", f"sobjects/{sobject}", json=record)]


if __name__ == "__main__":
    main(CreatesOneByOne)
