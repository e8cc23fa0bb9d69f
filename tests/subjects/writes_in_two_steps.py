"""Writes each record twice: first as pending, then as confirmed."""

from sync import Sync, main


class WritesInTwoSteps(Sync):
    def send(self, sobject, key_field, items):
        steps = [
            [{**item, "record": {**item["record"], "Title": title}} for item in items]
            for title in ("pending", "confirmed")
        ]
        super().send(sobject, key_field, steps[0])
        return super().send(sobject, key_field, steps[1])


if __name__ == "__main__":
    main(WritesInTwoSteps)
