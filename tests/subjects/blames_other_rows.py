"""Pairs the errors, not the results, with the records it sent."""

from sync import Sync, main


class BlamesOtherRows(Sync):
    def causes_of(self, items, results):
        errors = [result["errors"][0] for result in results if not result["success"]]
        return {
            item["key"]: (error["statusCode"], error["message"]) for item, error in zip(items, errors, strict=False)
        }


if __name__ == "__main__":
    main(BlamesOtherRows)
