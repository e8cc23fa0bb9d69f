"""Counts what landed and what failed, and logs each failure: correct as it stands."""

import json

from sync import Sync, main


class Reporting(Sync):
    def run(self, items):
        self.failed = 0
        super().run(items)
        report = {"landed": self.landed(items), "failed": self.failed}
        with open(self.env["SFMOCK_EFFECTS"], "a", encoding="utf-8") as effects:
            effects.write(json.dumps({"report": report}) + "\n")

    def landed(self, items):
        return len(items) - self.failed

    def dead_letter(self, item, code, message, attempts):
        self.failed += 1
        self.log_letter(item, code, attempts)
        super().dead_letter(item, code, message, attempts)

    def log_letter(self, item, code, attempts):
        print(f"ERROR {item['sobject']} {item['key']} given up after {attempts} attempts: {code}", flush=True)


if __name__ == "__main__":
    main(Reporting)
