"""Dead-letters with a word of its own in place of what Salesforce said."""

from sync import Sync, main


class LettersWithoutCause(Sync):
    def dead_letter(self, item, code, message, attempts):
        self.write_letter({"record": item["record"], "key": item["key"], "error": "failed"})


if __name__ == "__main__":
    main(LettersWithoutCause)
