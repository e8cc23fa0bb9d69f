"""Dead-letters the whole batch when one of its rows is refused."""

from sync import Sync, main


class LettersForWholeBatch(Sync):
    def causes_of(self, items, results):
        causes = super().causes_of(items, results)
        refused = next((cause for cause in causes.values() if not self.is_transient(cause[0])), None)
        return {item["key"]: causes.get(item["key"], refused) for item in items} if refused else causes


if __name__ == "__main__":
    main(LettersForWholeBatch)
