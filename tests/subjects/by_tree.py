"""Creates records by trees, each tree all or none. It looks first for those that are there. Correct as it stands."""

from sync import Sync, main

ROLLED_BACK = "ALL_OR_NONE_OPERATION_ROLLED_BACK"


class Trees(Sync):
    def send(self, sobject, key_field, items):
        causes = {item["key"]: ("CONNECTION_LOST", "") for item in items}
        missing = self.not_landed(sobject, key_field, items, causes)
        keys = [item["key"] for item in missing]
        failed = self.create(sobject, key_field, missing) if missing else {}
        other = {"statusCode": ROLLED_BACK, "message": "another record of the tree failed"}
        wrong = {key: failed.get(key, other) for key in keys} if failed else {}
        return [
            {"success": item["key"] not in wrong, "errors": [wrong[item["key"]]] if item["key"] in wrong else []}
            for item in items
        ]

    def create(self, sobject, key_field, items):
        """Create records; return the error of each that is to blame, by its key."""
        records = [
            {"attributes": {"type": sobject, "referenceId": f"r{place}"}, key_field: item["key"], **item["record"]}
            for place, item in enumerate(items)
        ]
        answer = self.call("POST", f"composite/tree/{sobject}", json={"records": records})
        if not answer["hasErrors"]:
            return {}
        return {items[int(one["referenceId"][1:])]["key"]: one["errors"][0] for one in answer["results"]}

    def failure_of(self, error):
        if isinstance(error.content, dict):
            raise _Answered(error.content)
        return super().failure_of(error)

    def exchange(self, method, path, **options):
        try:
            return super().exchange(method, path, **options)
        except _Answered as answered:
            return answered.content


class _Answered(Exception):
    """An answer of status 400 that tells of records."""

    def __init__(self, content):
        super().__init__("answered")
        self.content = content


if __name__ == "__main__":
    main(Trees)
