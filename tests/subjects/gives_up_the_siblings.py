"""Takes a rollback for an error of each row."""

from all_or_none import AllOrNone
from sync import main


class GivesUpTheSiblings(AllOrNone):
    def is_transient(self, code):
        return code != "ALL_OR_NONE_OPERATION_ROLLED_BACK" and super().is_transient(code)


if __name__ == "__main__":
    main(GivesUpTheSiblings)
