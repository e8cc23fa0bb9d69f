"""Redrives a letter whatever has become of its record since."""

from sync import Sync, main


class RedriveOverwrites(Sync):
    def not_overtaken(self, items):
        return items


if __name__ == "__main__":
    main(RedriveOverwrites)
