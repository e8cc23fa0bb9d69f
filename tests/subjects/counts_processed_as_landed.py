"""Reports numberRecordsProcessed as landed: that number counts the failed rows too."""

import json

from bulk_sync import BulkSync, main


class CountsProcessedAsLanded(BulkSync):
    landed = 0

    def causes(self, job, told, key_field, items):
        found = super().causes(job, told, key_field, items)
        again = sum(self.is_transient(code) for code, _ in found.values())
        self.landed += told["numberRecordsProcessed"] - again
        return found

    def alert(self):
        super().alert()
        with open(self.env["SFMOCK_EFFECTS"], "a", encoding="utf-8") as effects:
            effects.write(json.dumps({"report": {"landed": self.landed, "failed": 0}}) + "\n")


if __name__ == "__main__":
    main(CountsProcessedAsLanded)
